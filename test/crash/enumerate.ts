import { changeOne } from './change.ts';
import type { Point } from './meter.ts';
import { isRepeat } from './metered.ts';
import { EVERYBODY, type Name, type World } from './world.ts';

export type Points = ReadonlyMap<Name, readonly Point[]>;

/** Machines that nobody has changed yet, one after the other. */
export interface Machines {
  next(): number;
}

export function machinesFrom(first: number): Machines {
  let i = first;
  return { next: () => i++ };
}

/** Changes in which nobody is killed: the points that all of them have. */
const MEASURED = 3;

/** Every point of every party in a whole change, found by watching changes that nothing disturbs. */
export async function enumerate(world: World, machines: Machines): Promise<Points> {
  let common: Map<Name, Point[]> | undefined;
  for (let run = 0; run < MEASURED; run++) {
    const { points } = await changeOne(world, machines.next(), () => []);
    const before = common;
    common = new Map(
      EVERYBODY.map((name) => {
        const seen = (points.get(name) ?? []).filter((point) => !isRepeat(point));
        return [name, seen.filter((point) => before === undefined || before.get(name)?.includes(point) === true)];
      }),
    );
  }
  return common ?? new Map();
}

export const countOf = (points: Points): number => [...points.values()].reduce((sum, list) => sum + list.length, 0);
