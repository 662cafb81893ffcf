import { type PostgresConfig, postgresConfigSchema } from '../../src/store/index.ts';

/** A clock that tests own. */
export const settable = (start: number) => {
  const clock = { at: start, now: () => clock.at };
  return clock;
};

export const postgresConfig = (url: string, more: Partial<PostgresConfig> = {}): PostgresConfig =>
  postgresConfigSchema.parse({ driver: 'postgres', url, schema: 'gba', ...more });
