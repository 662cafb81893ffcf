import type { Database } from 'lmdb';
import { z } from 'zod';
import { GbaError } from '../base/index.ts';
import type { Stored } from './record.ts';

/** One ordered database; a record's key is [space, key]. */
export type LmdbKey = [string, string];

/** No space has an empty name. Its `version` is the last one that any record was given. */
export const FORMAT_KEY: LmdbKey = ['', 'format'];

const FORMAT = 1;
const formatSchema = z.object({ format: z.int() });

/**
 * Brings a store of any earlier version to today's format, in one transaction, by whichever process comes first. Throws
 * `store-version-unknown` for one that a newer version has written.
 *
 * Format 0 had no such record, and counted versions anew for a record that was deleted and written again. Since format 1
 * they come from one counter, which begins above all that were ever read.
 */
export function migrateLmdb(db: Database<Stored, LmdbKey>): void {
  db.transactionSync(() => {
    const found = db.get(FORMAT_KEY);
    if (found !== undefined) {
      const { format } = formatSchema.parse(JSON.parse(found.json));
      if (format <= FORMAT) return;
      throw new GbaError('store-version-unknown', `the store has format ${format}; this program knows up to ${FORMAT}`);
    }
    let version = 0;
    for (const { value } of db.getRange({})) version = Math.max(version, value.version);
    db.putSync(FORMAT_KEY, { json: JSON.stringify({ format: FORMAT }), version });
  });
}
