import { z } from 'zod';
import type { Clock } from '../base/index.ts';
import type { Store } from './contract.ts';
import { openLmdbStore } from './lmdb.ts';
import { createMemoryStore } from './memory.ts';

export const storeConfigSchema = z.discriminatedUnion('driver', [
  z.strictObject({ driver: z.literal('memory') }),
  z.strictObject({ driver: z.literal('lmdb'), path: z.string().min(1) }),
]);

export type StoreConfig = z.infer<typeof storeConfigSchema>;

export async function openStore(config: StoreConfig, clock: Clock): Promise<Store> {
  return config.driver === 'memory' ? createMemoryStore(clock) : openLmdbStore(config.path, clock);
}
