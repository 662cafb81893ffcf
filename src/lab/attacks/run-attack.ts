import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { codeOf, GbaError } from '../../base/index.ts';
import type { Lab } from '../lab.ts';
import { type Arena, openArena } from './forger.ts';

/** One forged message against a running lab. */
export interface Attack {
  name: string;
  title: string;
  /** Code of the refusal. */
  expect: string;
  /** What the lab must be started with. */
  lab?: { bothPresent?: boolean };
  /** Spaces that the attacker may write by right (the RO keeps what it was sent), left out of the comparison. */
  aside?: readonly string[];
  /** Brings the lab to the point, calls `arena.mark()`, sends the forged message; resolves to the code that came back. */
  run(arena: Arena): Promise<string>;
}

export interface AttackReport {
  name: string;
  title: string;
  expected: string;
  got: string;
  /** All stores say after the attack what they said before it. */
  stateEqual: boolean;
  refused: boolean;
}

/** What `codeFrom` gives when nothing refused. */
const TAKEN = 'taken';
/** Every space that any party keeps records in. */
const SPACES = [
  ...['release', 'open-release', 'bootstrap', 'order', 'open-order', 'order-of-serial', 'subscription', 'customer'],
  ...['device', 'preload'],
  ...['delivery', 'package', 'open-delivery', 'delivery-of-order', 'registration', 'validation', 'open-validation'],
  ...['subscriber', 'outbox', 'm2me', 'm2me-change', 'naf-nonce'],
  ...['bsf-challenge', 'bsf-context', 'bsf-subscription', 'bsf-tmpi'],
];
const LOOK_MS = 150;
const SETTLE_MS = 10_000;

/** Values only: a record that was written again with what it said before is the same state. */
type Snapshot = Map<string, unknown>;

async function snapshotOf(lab: Lab, aside: readonly string[]): Promise<Snapshot> {
  const snapshot: Snapshot = new Map();
  for (const [party, store] of lab.stores) {
    for (const space of SPACES.filter((one) => !aside.includes(one))) {
      for (const { key, value } of await store.list(space)) snapshot.set(`${party} ${space} ${key}`, value);
    }
  }
  return snapshot;
}

/** Every machine has done all that it can do now: a look between two of its steps would take its own work for the attack's. */
async function rested(lab: Lab, aside: readonly string[]): Promise<Snapshot> {
  await Promise.all([...lab.machines.values()].map((machine) => machine.poke()));
  return await snapshotOf(lab, aside);
}

/** The state once nothing moves any more: two looks in a row that agree. */
async function settled(lab: Lab, aside: readonly string[]): Promise<Snapshot> {
  const until = lab.options.clock.now() + SETTLE_MS;
  let before = await rested(lab, aside);
  for (;;) {
    await delay(LOOK_MS);
    const now = await rested(lab, aside);
    if (isDeepStrictEqual(before, now) || lab.options.clock.now() > until) return now;
    before = now;
  }
}

/** A machine that is in the middle of a look of its own gets the time to end it. */
async function comesBackTo(lab: Lab, aside: readonly string[], before: Snapshot): Promise<boolean> {
  for (let look = 0; look < 10; look++) {
    if (isDeepStrictEqual(await rested(lab, aside), before)) return true;
    await delay(LOOK_MS);
  }
  return false;
}

/** The code that `work` was refused with, or `taken`. */
export async function codeFrom(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return TAKEN;
  } catch (error) {
    if (!(error instanceof GbaError)) throw error;
    return codeOf(error);
  }
}

/** Runs one attack against the lab and compares every store before and after. */
export async function runAttack(lab: Lab, attack: Attack): Promise<AttackReport> {
  const { name, title, expect, aside = [] } = attack;
  let before: Snapshot | undefined;
  const arena = await openArena(lab, async () => {
    before = await settled(lab, aside);
  });
  try {
    const got = await attack.run(arena);
    if (before === undefined) throw new GbaError('internal', `attack ${name} marked no state`);
    const stateEqual = await comesBackTo(lab, aside, before);
    return { name, title, expected: expect, got, stateEqual, refused: got !== TAKEN };
  } finally {
    arena.close();
  }
}
