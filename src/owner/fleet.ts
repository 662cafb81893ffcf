import { codeOf, GbaError } from '../base/index.ts';
import { beginAnew } from './anew.ts';
import { lookAt, type OwnerTools, orderChange, type Target } from './change.ts';
import type { FleetRow } from './fleet-file.ts';
import { createMachineClient } from './machine-client.ts';
import { rest } from './patience.ts';
import { type End, isSettled, type Progress } from './progress.ts';
import { verdictOf } from './verdict.ts';

export interface FleetOptions {
  /** Machines under way at once. */
  parallel: number;
  /** For how long one step is tried, milliseconds. */
  patienceMs: number;
  /** For how long the end of one change is waited for, milliseconds. */
  timeoutMs: number;
  /** First and longest wait between two looks at a change, milliseconds. */
  looks: { firstMs: number; longestMs: number };
  variant: Target['variant'];
  bothPresent: boolean;
  /** Begin anew where a change was refused or given back. */
  retry: boolean;
  onEnd(row: FleetRow, end: End, ms: number): void;
  /** Something happened that no party can have meant: for the log. */
  onFault?(m2meId: string, error: unknown): void;
}

/** Every how many looks the machine is asked too. */
const ASK_MACHINE = 3;

/** Reasons that say nothing of one machine: so many in a row, and the others would only fail alike. */
const COMMON = ['operator-unreachable', 'journal-busy', 'store-unavailable'];

/**
 * Takes each machine through release, order and instruction and waits for its end; each step is journalled, so the same
 * call goes on after whatever ended the last one. Rejects only when told to stop, with `interrupted`, or when nothing goes
 * any more, with the reason.
 */
export async function changeFleet(tools: OwnerTools, rows: readonly FleetRow[], options: FleetOptions): Promise<void> {
  const { wallClock } = tools;
  const waiting = rows.filter(({ m2meId }) => isDue(tools, m2meId, options.retry)).values();
  /** Failures in a row for one reason that is not the machines'. */
  let streak = 0;
  let stopped: GbaError | undefined;

  async function takeNext(): Promise<void> {
    for (const row of waiting) {
      const startedAt = wallClock.now();
      const end = await changeOne(tools, row, options);
      if (end.reason === 'interrupted') return;
      options.onEnd(row, end, wallClock.now() - startedAt);
      streak = COMMON.includes(end.reason ?? '') ? streak + 1 : 0;
      if (streak >= options.parallel) stopped ??= new GbaError(end.reason ?? 'internal', 'nothing goes on: stopped');
      if (stopped !== undefined) return;
    }
  }

  await Promise.all(Array.from({ length: options.parallel }, takeNext));
  if (stopped !== undefined) throw stopped;
  if (tools.signal?.aborted === true) throw new GbaError('interrupted', 'told to stop', { retryable: true });
}

/** Not ended yet; or changed before, but to another operator than is wanted now; or to be tried once more. */
function isDue({ journal, newShoId }: OwnerTools, m2meId: string, retry: boolean): boolean {
  const progress = journal.of(m2meId);
  if (progress.end?.state === 'done') return progress.to !== newShoId;
  return retry || !isSettled(progress);
}

async function changeOne(tools: OwnerTools, row: FleetRow, options: FleetOptions): Promise<End> {
  const machine = createMachineClient(row.url, tools.net);
  const { variant = options.variant, bothPresent = options.bothPresent } = row;
  try {
    // The last run may have journalled the end without hearing that it had.
    const { end: known } = await tools.journal.sure(row.m2meId);
    if (known !== undefined && !isDue(tools, row.m2meId, options.retry)) return known;
    const end = await tryChange(tools, { m2meId: row.m2meId, machine, variant, bothPresent }, row.url, options);
    await tools.journal.note(row.m2meId, ending(end));
    return end;
  } catch (error) {
    const end = endOf(error);
    if (end.reason === 'internal') options.onFault?.(row.m2meId, error);
    // What cannot be journalled is told all the same.
    if (end.reason !== 'interrupted') await noteFailure(tools, row.m2meId, end).catch(() => undefined);
    return end;
  } finally {
    machine.close();
  }
}

/** Unless the journal knows a final end, whose writing was what failed. */
async function noteFailure({ journal }: OwnerTools, m2meId: string, end: End): Promise<void> {
  if (end.state !== 'failed' || !isSettled(await journal.sure(m2meId))) await journal.note(m2meId, ending(end));
}

/** With the end of a change the token has done its work: it is a secret that need not lie about. */
export function ending(end: End): Progress {
  return end.state === 'failed' ? { end } : { end, token: undefined, instruction: undefined };
}

/** Not final: what time may mend, and our own troubles. Any other code is a party's "no". */
function endOf(error: unknown): End {
  const reason = codeOf(error);
  const ours = !(error instanceof GbaError) || error.retryable || OURS.includes(reason);
  return { state: ours ? 'failed' : 'refused', reason };
}

const OURS = ['internal', 'journal-busy', 'store-unavailable', 'peer-refused', 'token-missing', 'change-elsewhere'];

async function tryChange(tools: OwnerTools, target: Target, url: string, options: FleetOptions): Promise<End> {
  const { journal, wallClock, newShoId } = tools;
  const { m2meId } = target;
  const patience = () => wallClock.now() + options.patienceMs;
  const before = journal.of(m2meId);
  if (before.end?.state === 'done') await journal.forget(m2meId);
  else if (before.to !== undefined && before.to !== newShoId && before.serial !== undefined) {
    if (before.end?.state !== 'returned')
      throw new GbaError('change-elsewhere', `a change to ${before.to} is not ended`);
    await journal.forget(m2meId);
  } else if (isSettled(before)) await beginAnew(tools, target, patience());
  await journal.note(m2meId, { to: newShoId, url, end: undefined });
  const resumed = journal.of(m2meId).instructed === true;
  await orderChange(tools, target, patience());
  return await waitForEnd(tools, target, options, resumed ? 0 : options.looks.firstMs);
}

async function waitForEnd(tools: OwnerTools, target: Target, options: FleetOptions, firstMs: number): Promise<End> {
  const { journal, wallClock, newShoId } = tools;
  const { looks, timeoutMs, patienceMs } = options;
  const until = wallClock.now() + timeoutMs;
  const wanted = { serial: journal.of(target.m2meId).serial, newSho: newShoId };
  let wait = firstMs;
  for (let looked = 1; ; looked++) {
    await rest(tools, wait);
    // A machine that refused before its package came is heard of from itself alone: but it need not be asked every time.
    const look = await lookAt(tools, target, wallClock.now() + patienceMs, looked % ASK_MACHINE !== 0);
    const end = verdictOf(look.order, look.machine, wanted);
    if (end !== undefined) return end;
    if (wallClock.now() > until) return { state: 'failed', reason: 'still-under-way' };
    wait = Math.min(Math.max(wait * 1.4, looks.firstMs), looks.longestMs);
  }
}
