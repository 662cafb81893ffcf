import { GbaError } from '../../base/index.ts';
import type { Snapshot } from '../backup/ports.ts';
import type { PostgresConfig } from './config.ts';
import { requireSound, withConnection } from './look.ts';
import { appliedMigrations, pendingMigrations } from './migrate.ts';

const PAGE = 200;

interface RecordRow {
  space: string;
  key: string;
  value: string;
  version: string;
  expires_at: number | null;
}

/** One transaction, REPEATABLE READ and read only: it sees what was committed when it began, and holds nobody up. */
export async function readPostgresSnapshot<T>(
  config: PostgresConfig,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const { schema } = config;
  return await withConnection(config, async (client) => {
    await requireSound(client);
    const applied = await appliedMigrations(client, schema);
    if (applied.length === 0) throw new GbaError('store-absent', `there is no store in schema ${schema}`);
    if (pendingMigrations(applied).length > 0) {
      throw new GbaError('store-outdated', `schema ${schema} is of an earlier version: start its function once`);
    }
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // Writing a large backup to a slow disk may take longer than the server lets others sit.
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    await client.query('SET LOCAL statement_timeout = 0');
    await client.query(`DECLARE backup NO SCROLL CURSOR FOR
      SELECT space, key, value, version, expires_at FROM ${schema}.records ORDER BY space, key`);
    async function* pages() {
      for (;;) {
        const { rows } = await client.query<RecordRow>(`FETCH ${PAGE} FROM backup`);
        if (rows.length === 0) return;
        yield rows.map(({ space, key, value, version, expires_at }) => ({
          space,
          key,
          json: value,
          version: Number(version),
          ...(expires_at === null ? {} : { expiresAt: expires_at }),
        }));
      }
    }
    // A sequence stands outside of transactions: what is read after the snapshot began is above all that is in it.
    const { rows } = await client.query<{ last: string }>(
      `SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM ${schema}.versions`,
    );
    const result = await work({ driver: 'postgres', lastVersion: Number(rows[0]?.last ?? 0), pages: pages() });
    await client.query('COMMIT');
    return result;
  });
}
