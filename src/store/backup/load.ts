import { GbaError } from '../../base/index.ts';
import { openDatabase } from '../lmdb.ts';
import { FORMAT_KEY, type LmdbKey } from '../lmdb-format.ts';
import type { StoreConfig } from '../open.ts';
import { loadPostgres } from '../postgres/load.ts';
import { isLive, toStored } from '../record.ts';
import { beginEpoch, type Load, notEmpty } from './ports.ts';

/**
 * Puts all records into an empty store in one transaction: whoever is killed in between has left an empty one. Returns
 * how many there were. Throws `store-not-empty`, `clock-wrong`, `store-in-memory`.
 */
export async function loadStore(config: StoreConfig, load: Load): Promise<number> {
  switch (config.driver) {
    case 'memory':
      throw new GbaError('store-in-memory', 'a store in memory would be gone at the end of this command');
    case 'lmdb':
      return await loadLmdb(config.path, load);
    case 'postgres':
      return await loadPostgres(config, load);
  }
}

async function loadLmdb(path: string, { now, records }: Load): Promise<number> {
  const db = openDatabase(path);
  try {
    return db.transactionSync(() => {
      const dead: LmdbKey[] = [];
      for (const { key, value } of db.getRange({})) {
        if (key[0] === FORMAT_KEY[0]) continue;
        if (isLive(value, now)) throw notEmpty();
        dead.push(key);
      }
      for (const key of dead) db.removeSync(key);
      const format = db.get(FORMAT_KEY);
      if (format === undefined) throw new GbaError('store-unavailable', 'the store has lost its format record');
      const first = beginEpoch(format.version, now);
      let version = first;
      for (const { space, key, json, expiresAt } of records()) {
        db.putSync([space, key], toStored(json, ++version, expiresAt));
      }
      db.putSync(FORMAT_KEY, { ...format, version });
      return version - first;
    });
  } catch (cause) {
    if (cause instanceof GbaError) throw cause;
    throw new GbaError('store-unavailable', 'the store cannot be written', { cause, retryable: true });
  } finally {
    await db.close();
  }
}
