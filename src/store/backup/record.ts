import { createHash } from 'node:crypto';
import { compareKeys } from '../record.ts';

/** A record as a driver keeps it, its value as JSON text. */
export interface RawRecord {
  space: string;
  key: string;
  json: string;
  version: number;
  expiresAt?: number;
}

/** Drivers and backups give records in this order, each name once. */
export const compareRecords = (a: RawRecord, b: RawRecord): number =>
  compareKeys(a.space, b.space) || compareKeys(a.key, b.key);

/** How much there is, and a digest of all of it but the versions, which a restored store gives anew. */
export interface Tally {
  records: Readonly<Record<string, number>>;
  total: number;
  /** SHA-256, hexadecimal. */
  digest: string;
}

export function createTally(): { add(record: RawRecord): void; readonly total: number; end(): Tally } {
  const hash = createHash('sha256');
  const records = new Map<string, number>();
  let total = 0;
  return {
    add({ space, key, json, expiresAt }) {
      hash.update(`${JSON.stringify([space, key, expiresAt ?? null, json])}\n`);
      records.set(space, (records.get(space) ?? 0) + 1);
      total++;
    },
    get total() {
      return total;
    },
    end: () => ({ records: Object.fromEntries(records), total, digest: hash.digest('hex') }),
  };
}
