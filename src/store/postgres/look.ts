import { Client, type ClientBase } from 'pg';
import { GbaError } from '../../base/index.ts';
import { RESTORED, RESTORED_KEY, UNCONFIRMED } from '../backup/kind.ts';
import { connectingOf, type PostgresConfig } from './config.ts';
import { storeUnavailable } from './errors.ts';
import { appliedMigrations, pendingMigrations } from './migrate.ts';

/** A connection of its own, without limits of time: a migration may take long. */
export async function withConnection<T>(config: PostgresConfig, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(connectingOf(config));
  // The query under way rejects; a break between two queries shows at the next one.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw storeUnavailable(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Throws `store-unsound` when the server would lose what it acknowledged, or cannot hold every key. */
export async function requireSound(client: ClientBase): Promise<void> {
  const wanted = [
    ['server_encoding', ['UTF8'], 'keys of every script have to fit'],
    ['fsync', ['on'], 'a power cut would take back what was acknowledged'],
    [
      'synchronous_commit',
      ['on', 'remote_apply', 'remote_write', 'local'],
      'a crash would take back what was acknowledged',
    ],
  ] as const;
  for (const [name, good, why] of wanted) {
    const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
    const value = rows[0]?.value ?? '';
    if (!good.some((one) => one === value)) {
      throw new GbaError('store-unsound', `${name} of the PostgreSQL server is ${value}: ${why}`);
    }
  }
}

async function isRestored(client: ClientBase, schema: string): Promise<boolean> {
  const { rows } = await client.query(`SELECT 1 FROM ${schema}.records WHERE space = $1 AND key = $2`, [
    RESTORED,
    RESTORED_KEY,
  ]);
  return rows.length > 0;
}

/** Says what a store is like, without changing it; throws as opening it would. */
export async function lookAtPostgres(config: PostgresConfig): Promise<string> {
  return await withConnection(config, async (client) => {
    await requireSound(client);
    const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
    const applied = await appliedMigrations(client, config.schema);
    const pending = pendingMigrations(applied).length;
    const state = applied.length === 0 ? 'not made yet' : pending === 0 ? 'up to date' : 'to be migrated';
    const restored = applied.length > 0 && (await isRestored(client, config.schema)) ? `, ${UNCONFIRMED}` : '';
    return `PostgreSQL ${rows[0]?.version ?? ''}, schema ${config.schema} ${state}${restored}`;
  });
}
