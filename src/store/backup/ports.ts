import { GbaError } from '../../base/index.ts';
import type { RawRecord } from './record.ts';

/** A store as it was at one moment, whatever is written meanwhile. */
export interface Snapshot {
  driver: string;
  /** No version above it had been given. */
  lastVersion: number;
  /** All records, also expired ones, in the order of `compareRecords`; once through. */
  pages: AsyncIterable<readonly RawRecord[]>;
}

export type LoadRecord = Omit<RawRecord, 'version'>;

/** Records for an empty store. */
export interface Load {
  /** Milliseconds since 1970: what has expired by then does not count. */
  now: number;
  /** How many there are at most. */
  atMost: number;
  records(): Iterable<LoadRecord>;
}

/**
 * The version before the first of a store that is restored now. Versions of a restored store begin at the microseconds since
 * 1970, and no store gives a million a second for long: they are above all that any store of its past has given, also when one
 * backup is restored twice. What somebody still knows of the lost store expects nothing that will be. Throws `clock-wrong`.
 */
export function beginEpoch(lastVersion: number, now: number): number {
  const epoch = Math.floor(now) * 1_000;
  if (lastVersion < epoch && Number.isSafeInteger(epoch)) return epoch;
  throw new GbaError('clock-wrong', 'the store has given higher versions than this time allows: the clock is behind');
}

export const notEmpty = (): GbaError =>
  new GbaError('store-not-empty', 'there are records in the store: a backup goes into an empty one only');
