import { mkdirSync } from 'node:fs';
import { type Database, open } from 'lmdb';
import { type Clock, GbaError } from '../base/index.ts';
import type { Entry, ListOptions, Op, Store } from './contract.ts';
import { FORMAT_KEY, type LmdbKey, migrateLmdb } from './lmdb-format.ts';
import {
  compareKeys,
  expectationsHold,
  foldOps,
  isKey,
  isLive,
  type Stored,
  SWEEP_LIMIT,
  toEntry,
  toStored,
} from './record.ts';

/**
 * A transaction ends when it is on the disk, so that nobody, in another process either, reads what a power cut could take
 * back. Batching by event turn would leave a promise of its own behind, whose failure on a full disk ends the process;
 * commits of one moment share a flush without it.
 */
const DURABLE = { overlappingSync: false, eventTurnBatching: false } as const;

/** The default store: an LMDB environment in a folder. Several processes of one machine may share it. */
export function openLmdbStore(path: string, clock: Clock): Store {
  const db = openDatabase(path);
  let cursor: LmdbKey | undefined;
  let closing: Promise<void> | undefined;
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
  /** Every record once, from `cursor` on and round to it. */
  function* everything(): Generator<{ key: LmdbKey; value: Stored }> {
    const from = cursor;
    yield* db.getRange(from === undefined ? {} : { start: from });
    if (from !== undefined) yield* db.getRange({ end: from });
  }

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
      const changes = foldOps(ops);
      if (changes === undefined) return false;
      return await transact(() => {
        if (!expectationsHold(changes, ({ space, key }) => live(space, key, now)?.version ?? 0)) return false;
        const format = db.get(FORMAT_KEY);
        if (format === undefined) throw new GbaError('store-unavailable', 'the store has lost its format record');
        let { version } = format;
        for (const { space, key, json, expiresAt, ...change } of changes) {
          if (change.delete === true) db.remove([space, key]);
          else if (json !== undefined) db.put([space, key], toStored(json, ++version, expiresAt));
        }
        if (version !== format.version) db.put(FORMAT_KEY, { ...format, version });
        return true;
      });
    },
    async sweep(limit = SWEEP_LIMIT) {
      const now = clock.now();
      const dead: LmdbKey[] = [];
      let seen = 0;
      let next: LmdbKey | undefined;
      for (const { key, value } of everything()) {
        if (seen++ === limit) {
          next = key;
          break;
        }
        if (!isLive(value, now)) dead.push(key);
      }
      cursor = next;
      if (dead.length === 0) return 0;
      return await transact(() => {
        let removed = 0;
        for (const key of dead) {
          const stored = db.get(key);
          // It may have been written again, or swept by another process, since the scan.
          if (stored !== undefined && !isLive(stored, now)) {
            db.remove(key);
            removed++;
          }
        }
        return removed;
      });
    },
    close() {
      closing ??= db.close();
      return closing;
    },
  };
}

/** Throws `store-unavailable`, `store-version-unknown`. */
export function openDatabase(path: string): Database<Stored, LmdbKey> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const options = { path, noSubdir: false, encoding: 'msgpack', noMemInit: false, ...DURABLE } as const;
    const db = open<Stored, LmdbKey>(options);
    migrateLmdb(db);
    return db;
  } catch (cause) {
    if (cause instanceof GbaError) throw cause;
    throw new GbaError('store-unavailable', `cannot open the store in ${path}`, { cause });
  }
}
