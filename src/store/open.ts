import { z } from 'zod';
import { type Clock, type Log, silentLog } from '../base/index.ts';
import { restoredMark } from './backup/kind.ts';
import type { Store } from './contract.ts';
import { openLmdbStore } from './lmdb.ts';
import { createMemoryStore } from './memory.ts';
import { openPostgresStore, postgresConfigSchema } from './postgres/index.ts';
import { startSweeper } from './sweeper.ts';

export const storeConfigSchema = z.discriminatedUnion('driver', [
  z.strictObject({ driver: z.literal('memory') }),
  z.strictObject({ driver: z.literal('lmdb'), path: z.string().min(1) }),
  postgresConfigSchema,
]);

export type StoreConfig = z.infer<typeof storeConfigSchema>;

/** Opens the store that is configured, brought to today's format; until it is closed, what expires is swept out of it. */
export async function openStore(config: StoreConfig, clock: Clock, log: Log = silentLog): Promise<Store> {
  const store = await openDriver(config, clock);
  const restored = await restoredMark(store).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  if (restored !== undefined) {
    const [madeAt, restoredAt] = [restored.madeAt, restored.restoredAt].map((at) => new Date(at).toISOString());
    log.warn('store-restored', { madeAt, restoredAt });
  }
  const sweeper = startSweeper(store, log);
  return {
    ...store,
    async close() {
      await sweeper.stop();
      await store.close();
    },
  };
}

async function openDriver(config: StoreConfig, clock: Clock): Promise<Store> {
  switch (config.driver) {
    case 'memory':
      return createMemoryStore(clock);
    case 'lmdb':
      return openLmdbStore(config.path, clock);
    case 'postgres':
      return await openPostgresStore(config, clock);
  }
}
