import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/index.ts';
import { openStore, type Store, storeConfigSchema } from '../src/store/index.ts';
import { postgresOrSkip, startPostgres } from '../test/support/postgres.ts';

const LANES = 64;
const RUN_MS = 2_000;

interface Rates {
  commits: number;
  gets: number;
}

/** How often a second `once` ends, with so many under way. */
async function rate(lanes: number, once: (i: number) => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  let count = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - begun < RUN_MS) await once(count++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (count * 1000) / (performance.now() - begun);
}

/** A commit as a BSF makes at the end of a bootstrap: three records, one by compare-and-set. */
async function measure(store: Store): Promise<Rates> {
  const value = { v: 1, impi: 'user@ims.mnc001.mcc001.3gppnetwork.org', sealed: 'x'.repeat(200) };
  const expiresAt = systemClock.now() + 3_600_000;
  const commits = await rate(LANES, (i) =>
    store.commit([
      { space: 'context', key: `context-${i}`, expect: 0, put: value, expiresAt },
      { space: 'subscription', key: `subscription-${i % 1_000}`, put: value, expiresAt },
      { space: 'challenge', key: `challenge-${i}`, delete: true },
    ]),
  );
  const gets = await rate(LANES, (i) => store.get('subscription', `subscription-${i % 1_000}`));
  await store.close();
  return { commits, gets };
}

/** Durable commits and reads of the drivers, 64 at a time, as a ratio to lmdb on the same disk. */
export async function benchStores() {
  const path = mkdtempSync(join(tmpdir(), 'gba-bench-'));
  const open = (config: object) => openStore(storeConfigSchema.parse(config), systemClock);
  const lmdb = await measure(await open({ driver: 'lmdb', path })).finally(() => rmSync(path, { recursive: true }));
  const lines = [line('lmdb commits', lmdb.commits, lmdb.commits), line('lmdb gets', lmdb.gets, lmdb.gets)];
  if (postgresOrSkip.skip !== undefined) return lines;
  const server = await startPostgres();
  try {
    const { commits, gets } = await measure(await open({ driver: 'postgres', url: server.socketUrl, schema: 'bench' }));
    return [...lines, line('postgres commits', commits, lmdb.commits), line('postgres gets', gets, lmdb.gets)];
  } finally {
    await server.stop();
  }
}

const line = (name: string, perSecond: number, reference: number) => ({
  name,
  perSecond,
  ratio: perSecond / reference,
  reference: 'lmdb, 64 at a time',
});
