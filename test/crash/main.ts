// `npm run crash`: every party killed once at every point of a change, one kill a change, with all stores on lmdb and with all
// on one PostgreSQL. Prints the points of each party; the exit code says whether every change ended as it must.
import { performance } from 'node:perf_hooks';
import { postgresConfigSchema } from '../../src/store/index.ts';
import { startPostgres } from '../support/postgres.ts';
import { changeOne } from './change.ts';
import { countOf, enumerate, type Machines, machinesFrom } from './enumerate.ts';
import type { Point } from './meter.ts';
import { EVERYBODY, type Name, onLmdb, type StoreOf, startWorld, type World } from './world.ts';

/** Points of a change are some 200; some machines are changed to find them, or once more. */
const MACHINES = 260;
/** A change in which the party does not come to its point (two of its writes overtook each other) is done again. */
const TRIES = 4;
const PROGRESS_MS = 10_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Undefined when all is well. */
async function killAt(world: World, machines: Machines, name: Name, point: Point): Promise<string | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const { kills, points } = await changeOne(world, machines.next(), (one) => (one === name ? [point] : []));
    if (points.get(name)?.includes(point) !== true) continue;
    return kills === 1 ? undefined : `${kills} kills instead of one`;
  }
  return 'was not come to';
}

/** Every single kill on stores of one kind; the number of those that did not end as they must. */
async function killEverywhere(driver: string, world: World): Promise<number> {
  const startedAt = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - startedAt) / 1000)} s`;
  const machines = machinesFrom(0);
  let done = 0;
  let failed = 0;
  let total = 0;
  const progress = setInterval(() => say(`${driver}: ${done} of ${total}, ${seconds()}`), PROGRESS_MS);
  try {
    const points = await enumerate(world, machines);
    total = countOf(points);
    for (const name of EVERYBODY) {
      for (const point of points.get(name) ?? []) {
        const fault = await killAt(world, machines, name, point).catch((error: Error) => error.message);
        done++;
        if (fault === undefined) continue;
        failed++;
        say(`${driver}: ${name} killed at "${point}": ${fault}`);
      }
    }
    const counts = EVERYBODY.map((name) => `${name} ${points.get(name)?.length ?? 0}`).join(', ');
    say(`${driver}: ${total} points (${counts}), ${total - failed} right, ${failed} wrong, ${seconds()}`);
    if (total === 0) failed++;
  } finally {
    clearInterval(progress);
    await world.close();
  }
  return failed;
}

const server = await startPostgres({ settings: { max_connections: '200' } });
const onPostgres: StoreOf = (party) =>
  postgresConfigSchema.parse({
    driver: 'postgres',
    url: server.url,
    schema: party.replaceAll(/[^a-z0-9]/g, '_'),
    maxConnections: 4,
  });
try {
  // One after the other: what is free for one would be free for the other.
  const lmdb = await startWorld(MACHINES, onLmdb);
  const postgres = await startWorld(MACHINES, onPostgres);
  const failed = await Promise.all([killEverywhere('lmdb', lmdb), killEverywhere('postgres', postgres)]);
  process.exitCode = failed.some((count) => count > 0) ? 1 : 0;
} finally {
  await server.stop();
}
