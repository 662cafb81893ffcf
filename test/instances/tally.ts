import { setTimeout as delay } from 'node:timers/promises';
import { GbaError } from '../../src/base/index.ts';

/** What a client of the function is told, counted. */
export interface Tally {
  readonly done: Map<string, number>;
  /** Refusals that the same request may overcome later. */
  retryable: number;
  /** Everything else: there must be none. */
  wrong: string[];
}

export const newTally = (): Tally => ({ done: new Map(), retryable: 0, wrong: [] });
export const doneOf = (tally: Tally, kind: string): number => tally.done.get(kind) ?? 0;

/** 503, or a connection that nobody took or that broke. */
function isRetryable(error: unknown): boolean {
  if (error instanceof GbaError) return error.retryable;
  if (!(error instanceof Error)) return false;
  if ('code' in error && ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(String(error.code))) return true;
  return /^Ub (challenge|answer): 503 /.test(error.message);
}

/** One request of a client; undefined when it was refused. */
export async function attempt<T>(tally: Tally, kind: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    const result = await work();
    tally.done.set(kind, doneOf(tally, kind) + 1);
    return result;
  } catch (error) {
    if (isRetryable(error)) tally.retryable++;
    else tally.wrong.push(`${kind}: ${error instanceof Error ? error.message : String(error)}`);
    await delay(20);
    return undefined;
  }
}

/** Waits until so much more of each kind was done; throws after ten seconds, with what was. */
export async function untilDone(tally: Tally, more: Readonly<Record<string, number>>): Promise<void> {
  const before = new Map(tally.done);
  const doneSince = (kind: string): number => doneOf(tally, kind) - (before.get(kind) ?? 0);
  for (let waited = 0; Object.entries(more).some(([kind, count]) => doneSince(kind) < count); waited += 10) {
    if (waited > 10_000) {
      const reached = Object.keys(more).map((kind) => `${kind} ${doneSince(kind)} of ${more[kind]}`);
      throw new TypeError(`the load came to a stop: ${reached.join(', ')}; ${tally.wrong.slice(0, 3).join('; ')}`);
    }
    await delay(10);
  }
}
