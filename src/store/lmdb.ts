import { mkdirSync } from 'node:fs';
import { type Database, open } from 'lmdb';
import { type Clock, GbaError } from '../base/index.ts';
import type { Entry, ListOptions, Op, Store } from './contract.ts';
import { applyOp, compareKeys, expectationsHold, isKey, isLive, prepareOps, type Stored, toEntry } from './record.ts';

/** One ordered database; a record's key is [space, key]. */
type Key = [string, string];

/**
 * A transaction ends when it is on the disk, so that nobody, in another process either, reads what a power cut could take
 * back. Batching by event turn would leave a promise of its own behind, whose failure on a full disk ends the process;
 * commits of one moment share a flush without it.
 */
const DURABLE = { overlappingSync: false, eventTurnBatching: false } as const;

/** The default store: an LMDB environment in a folder. Several processes of one machine may share it. */
export function openLmdbStore(path: string, clock: Clock): Store {
  let db: Database<Stored, Key>;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    db = open<Stored, Key>({ path, noSubdir: false, encoding: 'msgpack', noMemInit: false, ...DURABLE });
  } catch (cause) {
    throw new GbaError('store-unavailable', `cannot open the store in ${path}`, { cause });
  }
  const live = (space: string, key: string, now: number): Stored | undefined => {
    const stored = db.get([space, key]);
    return isLive(stored, now) ? stored : undefined;
  };
  const transact = async <T>(work: () => T): Promise<T> => {
    try {
      return await db.transaction(work);
    } catch (cause) {
      // The library tells the reason by a promise that nobody else waits for.
      if (cause instanceof Error && 'commitError' in cause) Promise.resolve(cause.commitError).catch(() => undefined);
      throw new GbaError('store-unavailable', 'the store cannot be written', { cause, retryable: true });
    }
  };

  return {
    async get<T>(space: string, key: string): Promise<Entry<T> | undefined> {
      // What cannot be written is not there; the engine would stumble over it (keys come from URLs too).
      const stored = isKey(key) ? live(space, key, clock.now()) : undefined;
      return stored === undefined ? undefined : toEntry<T>(key, stored);
    },
    async list<T>(space: string, { prefix = '', after, limit = Number.POSITIVE_INFINITY }: ListOptions = {}) {
      const now = clock.now();
      const found: Entry<T>[] = [];
      if (prefix !== '' && !isKey(prefix)) return found;
      const start = after !== undefined && isKey(after) && compareKeys(after, prefix) > 0 ? after : prefix;
      for (const { key, value } of db.getRange({ start: [space, start] })) {
        if (key[0] !== space || found.length >= limit) break;
        if (after !== undefined && compareKeys(key[1], after) <= 0) continue;
        // From `start` on, the keys with the prefix stand together.
        if (!key[1].startsWith(prefix)) break;
        if (isLive(value, now)) found.push(toEntry<T>(key[1], value));
      }
      return found;
    },
    async commit(ops: readonly Op[]) {
      const now = clock.now();
      // Encoded first: an exception inside would leave the writes before it in the transaction.
      const writes = prepareOps(ops);
      return await transact(() => {
        if (!expectationsHold(writes, (op) => live(op.space, op.key, now)?.version ?? 0)) return false;
        for (const op of writes) {
          const next = applyOp(op, live(op.space, op.key, now));
          if (next === undefined) db.remove([op.space, op.key]);
          else db.put([op.space, op.key], next);
        }
        return true;
      });
    },
    async sweep() {
      const now = clock.now();
      const dead: Key[] = [];
      for (const { key, value } of db.getRange({})) {
        if (!isLive(value, now)) dead.push(key);
      }
      return await transact(() => {
        let removed = 0;
        for (const key of dead) {
          // It may have been written again since the scan.
          if (!isLive(db.get(key), now)) {
            db.remove(key);
            removed++;
          }
        }
        return removed;
      });
    },
    close: () => db.close(),
  };
}
