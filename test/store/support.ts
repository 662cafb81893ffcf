import { z } from 'zod';
import { SecretKey } from '../../src/base/index.ts';
import { type PostgresConfig, postgresConfigSchema, type StoreKind, space } from '../../src/store/index.ts';

/** A clock that tests own. */
export const settable = (start: number) => {
  const clock = { at: start, now: () => clock.at };
  return clock;
};

export const postgresConfig = (url: string, more: Partial<PostgresConfig> = {}): PostgresConfig =>
  postgresConfigSchema.parse({ driver: 'postgres', url, schema: 'gba', ...more });

/** A store whose spaces `s` and `t` hold anything. */
export const anyKind: StoreKind = { spaces: { s: space(z.unknown()), t: space(z.unknown()) } };

export const backupKey = (): SecretKey => SecretKey.adopt(Buffer.alloc(32, 7));
