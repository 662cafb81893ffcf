import assert from 'node:assert/strict';
import { changeOne } from './change.ts';
import { countOf, enumerate, type Machines, machinesFrom } from './enumerate.ts';
import type { Point } from './meter.ts';
import { type Name, onLmdb, startWorld, type World } from './world.ts';

/** So many kills a change, and no two of them neighbours: who waits for the killed one waits twice as long each time. */
const KILLS = 6;
/** A party that starts anew may come to a write in another way: so often its points are tried. */
const ROUNDS = 3;
const MACHINES = 80;

/**
 * Kills each of these parties at every point of a change, at several of the same change, one after the other while they are
 * reached: killed, restarted, killed at the next. Says how often.
 */
export async function killThrough(names: readonly Name[]): Promise<string> {
  const world = await startWorld(MACHINES, onLmdb);
  const said: string[] = [];
  try {
    const machines = machinesFrom(0);
    const points = await enumerate(world, machines);
    assert.ok(countOf(points) > 0);
    for (const name of names) {
      const all = points.get(name) ?? [];
      assert.ok(all.length > 0, `${name} writes`);
      let left = all;
      for (let round = 0; round < ROUNDS && left.length > 0; round++) {
        const parts = Math.ceil(left.length / KILLS);
        const missed: Point[] = [];
        for (let part = 0; part < parts; part++) {
          const deadly = left.filter((_, i) => i % parts === part);
          missed.push(...(await killOneThrough(world, machines, name, deadly)));
        }
        left = missed;
      }
      assert.deepEqual(left, [], `${name} was killed at every point`);
      said.push(`${name} ${all.length}`);
    }
  } finally {
    await world.close();
  }
  return said.join(', ');
}

/** Those of the points that were not come to. */
async function killOneThrough(
  world: World,
  machines: Machines,
  name: Name,
  deadly: readonly Point[],
): Promise<Point[]> {
  const { kills, points } = await changeOne(world, machines.next(), (one) => (one === name ? deadly : []));
  const missed = deadly.filter((point) => points.get(name)?.includes(point) !== true);
  assert.equal(kills, deadly.length - missed.length, 'each of them kills once');
  return missed;
}
