import type { Dice } from './dice.ts';
import type { Profile } from './faults.ts';
import { type MACHINES, MINUTE, type Setting } from './setting.ts';

/** What one seed stands for: who changes how, and what goes wrong for how long. */
export interface Plan {
  machines: (typeof MACHINES)[number][];
  /** Machines whose old operator's connectivity ends for ever with step 8. */
  cutOff: string[];
  wishes: PlannedWish[];
  profile: Profile;
  /** From then on nothing goes wrong any more, milliseconds after the start. */
  faultsEndMs: number;
  /** Pairs that cannot reach each other, from when, for how long. */
  partitions: { one: string; other: string; fromMs: number; forMs: number }[];
}

export interface PlannedWish {
  owner: string;
  m2meId: string;
  variant: 'gba' | 'signed';
  bothPresent: boolean;
  startMs: number;
  cancelAfterMs: number | undefined;
}

/** Each kind of trouble is there in some runs only: together they would hide each other. */
const some = (dice: Dice, name: string, chance: number, value: number): number =>
  dice.chance(`has ${name}`, chance) ? value * (0.3 + dice.fraction(`how much ${name}`)) : 0;

/** Most runs have one machine: they tell more in less time. */
const ONE: [Plan['machines'], Plan['machines']] = [['m1'], ['m1']];

export function planOf(dice: Dice, setting: Setting): Plan {
  const machines = dice.pick<Plan['machines']>('machines', [
    ...ONE,
    ...ONE,
    ...ONE,
    ...ONE,
    ...ONE,
    ...ONE,
    ['m3'],
    ['m3'],
    ['m3'],
    ['m1', 'm3'],
    ['m2', 'm3'],
    ['m1', 'm2', 'm3'],
  ]);
  const wishes = machines.map((m2meId): PlannedWish => wishOf(dice, m2meId, m2meId === 'm3' ? 'owner-back' : 'owner'));
  const [first] = machines;
  // A second system of the same owner that knows nothing of the first one wants the same machine changed.
  if (first !== undefined && dice.chance('two owners', 0.08)) wishes.push(wishOf(dice, first, 'owner-too'));
  const parties = [
    ...setting.plan.hss.map(({ name }) => name),
    ...setting.plan.bsf.map(({ name }) => name),
    ...setting.plan.sho.map(({ id }) => id),
    setting.plan.ro.id,
    setting.plan.pva.id,
    ...wishes.map(({ owner }) => owner),
    ...machines,
    // Theirs is the longest way.
    ...machines,
  ];
  const victims = parties.filter((name, i) => dice.chance(`victim ${name} ${i}`, 0.25));
  const faultsEndMs = dice.pick('faults end', [2, 5, 10]) * MINUTE;
  return {
    machines,
    cutOff: machines.filter((m2meId) => dice.chance(`cut off ${m2meId}`, 0.12)),
    wishes,
    profile: {
      loss: some(dice, 'loss', 0.5, 0.15),
      duplicate: some(dice, 'duplicates', 0.4, 0.2),
      late: some(dice, 'late answers', 0.3, 0.1),
      slowestMs: dice.pick('slowest', [20, 20, 200, 6_000]),
      victims,
      kill: some(dice, 'kills', 0.8, 0.08),
      storeTrouble: some(dice, 'store trouble', 0.2, 0.05),
      attack: some(dice, 'attacks', 0.3, 0.3),
    },
    faultsEndMs,
    partitions: partitionsOf(dice, parties, faultsEndMs),
  };
}

function wishOf(dice: Dice, m2meId: string, owner: string): PlannedWish {
  const name = `${owner} ${m2meId}`;
  return {
    owner,
    m2meId,
    variant: dice.pick(`variant ${name}`, ['gba', 'gba', 'gba', 'signed']),
    bothPresent: dice.chance(`both present ${m2meId}`, 0.1),
    startMs: dice.whole(`start ${name}`, 0, 20_000),
    cancelAfterMs: dice.chance(`cancels ${name}`, 0.15) ? dice.whole(`cancel ${name}`, 500, 60_000) : undefined,
  };
}

function partitionsOf(dice: Dice, parties: readonly string[], withinMs: number): Plan['partitions'] {
  if (!dice.chance('partitions', 0.3)) return [];
  const [first = ''] = parties;
  return [1, 2, 3].map((i) => ({
    one: dice.pick(`partition ${i} one`, [first, ...parties]),
    other: dice.pick(`partition ${i} other`, [first, ...parties]),
    fromMs: dice.whole(`partition ${i} from`, 0, withinMs),
    forMs: dice.whole(`partition ${i} for`, 5_000, withinMs),
  }));
}
