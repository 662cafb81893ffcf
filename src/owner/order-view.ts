import type { MachineStatus } from './machine-client.ts';
import type { OrderStatus } from './operator-client.ts';
import { type Progress, phaseOf } from './progress.ts';
import { verdictOf } from './verdict.ts';

/** What each party says of one change now; undefined: it did not answer, or nobody asked it. */
export interface Told {
  /** State of the release at the old operator. */
  release: string | undefined;
  order: OrderStatus | undefined;
  machine: MachineStatus | undefined;
}

export type Party = 'owner' | 'old-operator' | 'new-operator' | 'pva' | 'ro' | 'machine';

export interface StepView {
  step: number;
  who: Party;
  what: string;
  state: 'done' | 'waiting' | 'open';
  /** When it was done, if somebody said so. */
  at?: string;
}

export interface OrderView {
  m2meId: string;
  outcome: 'under-way' | 'done' | 'refused' | 'returned' | 'failed';
  reason?: string;
  steps: StepView[];
  /** Whom the change waits for now, since when, and when that party or we try again, as far as anybody knows. */
  waiting?: {
    for: Party;
    step: number;
    since?: string;
    attempts?: number | undefined;
    nextAttemptAt?: string | undefined;
  };
  /** Why the machine took no delivery yet. */
  lastRefusal?: string;
  /** When the order is refused by itself if nothing was delivered by then. */
  endsAt?: string;
}

const STEPS: readonly (readonly [Party, string])[] = [
  ['old-operator', 'release ordered, token given'],
  ['new-operator', 'subscription ordered'],
  ['machine', "owner's instruction taken"],
  ['pva', 'asked to validate the machine'],
  ['machine', 'measured'],
  ['pva', 'validation positive'],
  ['ro', 'package taken'],
  ['machine', 'package downloaded and checked'],
  ['machine', 'old subscription discarded: only forward from here'],
  ['old-operator', 'told to let the machine go'],
  ['old-operator', 'has let the machine go'],
  ['ro', 'shown that the old operator let go'],
  ['machine', 'new subscription active'],
  ['ro', 'told the result'],
  ['ro', 'machine registered with the new operator'],
];

const upTo = (last: number): number[] => Array.from({ length: last + 1 }, (_, step) => step);
/** What a machine in this state has done; and whom it waits for, after its point of no return. */
const MACHINE: Readonly<Record<string, { done: readonly number[]; waits?: [Party, number] }>> = {
  announced: { done: upTo(2) },
  attested: { done: upTo(4) },
  downloading: { done: [...upTo(4), 6] },
  stored: { done: [...upTo(4), 6, 7] },
  discarding: { done: upTo(7), waits: ['machine', 8] },
  discarded: { done: upTo(8), waits: ['old-operator', 9] },
  acknowledged: { done: upTo(10), waits: ['ro', 11] },
  released: { done: upTo(11), waits: ['machine', 12] },
  'activating-owing-9': { done: upTo(8), waits: ['machine', 12] },
  'activating-owing-11': { done: upTo(10), waits: ['machine', 12] },
  'active-owing-9': { done: [...upTo(8), 12], waits: ['old-operator', 9] },
  'active-owing-11': { done: [...upTo(10), 12], waits: ['ro', 11] },
  'active-owing-13': { done: upTo(12), waits: ['ro', 13] },
  'failed-owing-9': { done: upTo(8), waits: ['old-operator', 9] },
  'failed-owing-11': { done: upTo(10), waits: ['ro', 11] },
  'failed-owing-13': { done: upTo(11), waits: ['ro', 13] },
  failed: { done: upTo(11), waits: ['new-operator', 6] },
  finished: { done: upTo(13) },
};

/** How far a change is, put together from what the parties say: only the owner hears all of them. */
export function viewOf(m2meId: string, progress: Progress, told: Told, newSho: string): OrderView {
  const { order } = told;
  const change = told.machine?.change?.serial === progress.serial ? told.machine?.change : undefined;
  const end =
    (order && verdictOf(order, told.machine, { serial: progress.serial, newSho })) ??
    (progress.end?.state === 'failed' ? undefined : progress.end);
  const outcome = end?.state ?? 'under-way';
  const waiting = outcome === 'under-way' ? waitOf(progress, told, change) : undefined;
  const done = outcome === 'done' ? new Set(upTo(14)) : doneSteps(progress, told, change?.state);
  const times = new Map(order?.steps?.map(({ step, at }) => [step, at]));
  return {
    m2meId,
    outcome,
    ...(end?.reason === undefined ? {} : { reason: end.reason }),
    steps: STEPS.map(([who, what], step) => {
      const at = times.get(step);
      const state = done.has(step) ? 'done' : step === waiting?.step ? 'waiting' : 'open';
      return { step, who, what, state, ...(at === undefined ? {} : { at }) };
    }),
    ...(waiting && { waiting }),
    ...(outcome === 'under-way' && change?.lastRefusal !== undefined ? { lastRefusal: change.lastRefusal } : {}),
    ...(outcome === 'under-way' && order?.endsAt !== undefined ? { endsAt: order.endsAt } : {}),
  };
}

type Change = NonNullable<MachineStatus['change']>;

function doneSteps(progress: Progress, { release, order }: Told, state: string | undefined): Set<number> {
  const done = new Set([...(order?.steps ?? []).map(({ step }) => step), ...(MACHINE[state ?? '']?.done ?? [])]);
  if (progress.serial !== undefined && phaseOf(progress) !== 'new') done.add(0);
  if (progress.orderId !== undefined) done.add(1);
  if (progress.instructed === true) done.add(2);
  if (order?.waiting?.step === 4) done.add(3);
  if (release === 'letting-go' || release === 'gone') for (const step of [...upTo(9)]) done.add(step);
  if (release === 'gone') done.add(10);
  // What the new operator saw, it saw in this order.
  if (done.has(5)) for (const step of upTo(4)) done.add(step);
  if (done.has(11)) for (const step of upTo(10)) done.add(step);
  if (done.has(13)) for (const step of upTo(12)) done.add(step);
  return done;
}

function waitOf(progress: Progress, { release, order, machine }: Told, change: Change | undefined) {
  const next = machine?.nextPollAt === undefined ? {} : { nextAttemptAt: utc(machine.nextPollAt) };
  const [whom, step] = MACHINE[change?.state ?? '']?.waits ?? [];
  if (change !== undefined && whom !== undefined && step !== undefined) {
    const since = change.since === undefined ? {} : { since: utc(change.since) };
    return { for: release === 'letting-go' && step === 9 ? 'old-operator' : whom, step, ...since, ...next };
  }
  if (progress.instructed !== true) {
    const first = progress.orderId === undefined ? (progress.token === undefined ? 0 : 1) : 2;
    return { for: 'owner' as const, step: first };
  }
  if (order?.waiting === undefined) return undefined;
  const { for: who, ...rest } = order.waiting;
  const since = order.since === undefined ? {} : { since: order.since };
  return { for: PARTY[who] ?? 'new-operator', ...since, ...(who === 'machine' ? next : {}), ...rest };
}

/** The new operator's word for a party, to the owner's. */
const PARTY: Readonly<Record<string, Party>> = { pva: 'pva', ro: 'ro', machine: 'machine', operator: 'new-operator' };

const utc = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
