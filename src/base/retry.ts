import type { Random } from './environment.ts';

/** Waits between tries: they double from `firstMs` up to `longestMs`, milliseconds. */
export interface Backoff {
  firstMs: number;
  longestMs: number;
}

/**
 * Every time that one party waits for another, in one place (docs/operations.md, "Retry rules"). What a configuration may
 * change stands there with its own default; all else is fixed here.
 */
export const RETRY = {
  /** One HTTP exchange: longest silence of the other end, and longest time for the whole answer. */
  exchange: { silenceMs: 10_000, deadlineMs: 60_000 },
  /** A message of an outbox, until it is answered; and an outbox whose store fails. */
  outbox: { firstMs: 200, longestMs: 60_000 },
  /** One step of an owner, within its patience. */
  owner: { firstMs: 200, longestMs: 10_000 },
  /** All requests of an owner to an operator that asked for less. */
  operatorBusy: { firstMs: 500, longestMs: 60_000 },
  /** A machine whose poll failed: the first wait is the poll's own, the longest so many of them. */
  pollTimes: 12,
  /** The same after a bootstrapping that failed: each try costs a sequence number. */
  bootstrapTimes: 60,
} as const;

/** Wait before try `attempt` + 1: at random in the upper half of the doubled time, so that many who failed at once come apart. */
export function backoffMs(attempt: number, random: Random, { firstMs, longestMs }: Backoff): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 20));
  return Math.round((ceiling / 2) * (1 + fractionOf(random)));
}

/** A time of repeats that are no failures, spread by a quarter to both sides: a fleet that started at once comes apart. */
export function spreadMs(ms: number, random: Random): number {
  return Math.round(ms * (0.75 + fractionOf(random) / 2));
}

/** 0 to below 1. */
const fractionOf = (random: Random): number => random.bytes(4).readUInt32BE() / 0x1_0000_0000;
