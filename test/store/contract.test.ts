import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type OpenEmptyStore, storeContract } from '../../src/store/checks/index.ts';
import { createMemoryStore, openLmdbStore, openPostgresStore } from '../../src/store/index.ts';
import { type PostgresServer, postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { postgresConfig } from './support.ts';

let server: Promise<PostgresServer> | undefined;
after(async () => (await server)?.stop());
let schemas = 0;

const drivers: Record<string, OpenEmptyStore> = {
  memory: async (clock) => ({ store: createMemoryStore(clock) }),

  async lmdb(clock) {
    const path = mkdtempSync(join(tmpdir(), 'gba-store-'));
    return { store: openLmdbStore(path, clock), clear: async () => rmSync(path, { recursive: true }) };
  },

  async postgres(clock) {
    server ??= startPostgres();
    const config = postgresConfig((await server).socketUrl, { schema: `s${++schemas}` });
    return { store: await openPostgresStore(config, clock), again: () => openPostgresStore(config, clock) };
  },
};

for (const [driver, open] of Object.entries(drivers)) {
  for (const { name, run } of storeContract) {
    test(`${driver}: ${name}`, driver === 'postgres' ? postgresOrSkip : {}, () => run(open));
  }
}
