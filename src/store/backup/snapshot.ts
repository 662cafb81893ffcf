import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GbaError } from '../../base/index.ts';
import { openDatabase } from '../lmdb.ts';
import { FORMAT_KEY } from '../lmdb-format.ts';
import type { StoreConfig } from '../open.ts';
import { readPostgresSnapshot } from '../postgres/snapshot.ts';
import type { Snapshot } from './ports.ts';
import type { RawRecord } from './record.ts';

const PAGE = 500;

/** Reads a store beside the function that uses it. Throws `store-in-memory`, `store-absent`, and as opening it does. */
export async function readSnapshot<T>(config: StoreConfig, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  switch (config.driver) {
    case 'memory':
      throw new GbaError('store-in-memory', 'a store in memory is seen by no other process, and ends with its own');
    case 'lmdb':
      return await readLmdbSnapshot(config.path, work);
    case 'postgres':
      return await readPostgresSnapshot(config, work);
  }
}

async function readLmdbSnapshot<T>(path: string, work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  // Opening would make an empty one.
  if (!existsSync(join(path, 'data.mdb'))) throw new GbaError('store-absent', `there is no store in ${path}`);
  const db = openDatabase(path);
  const transaction = db.useReadTransaction();
  async function* pages(): AsyncGenerator<RawRecord[]> {
    let page: RawRecord[] = [];
    for (const { key, value } of db.getRange({ transaction })) {
      if (key[0] === FORMAT_KEY[0]) continue;
      page.push({ space: key[0], key: key[1], ...value });
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    yield page;
  }
  try {
    const format = db.get(FORMAT_KEY, { transaction });
    if (format === undefined) throw new GbaError('store-unavailable', 'the store has lost its format record');
    return await work({ driver: 'lmdb', lastVersion: format.version, pages: pages() });
  } finally {
    transaction.done();
    await db.close();
  }
}
