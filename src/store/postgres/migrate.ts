import type { ClientBase } from 'pg';
import { GbaError } from '../../base/index.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';

/** The numbers of the migrations that a schema has seen; empty when there is none. */
export async function appliedMigrations(client: ClientBase, schema: string): Promise<number[]> {
  const table = `${schema}.migrations`;
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table]);
  if (rows[0]?.there !== true) return [];
  const applied = await client.query<{ number: number }>(`SELECT number FROM ${table} ORDER BY number`);
  return applied.rows.map(({ number }) => number);
}

/** What is missing. Throws `store-version-unknown` for a schema that a newer program has migrated. */
export function pendingMigrations(
  applied: readonly number[],
  known: readonly Migration[] = MIGRATIONS,
): readonly Migration[] {
  const newest = known.at(-1)?.number ?? 0;
  const unknown = applied.find((number) => number > newest);
  if (unknown !== undefined) {
    throw new GbaError('store-version-unknown', `the schema is at ${unknown}; this program knows up to ${newest}`);
  }
  return known.filter(({ number }) => !applied.includes(number));
}

/**
 * Brings the schema to today's version, or makes it: all in one transaction, under a lock that only one at a time gets, so
 * that of many programs that start together the first does it and the others find it done.
 */
export async function migrate(
  client: ClientBase,
  schema: string,
  known: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  if (pendingMigrations(await appliedMigrations(client, schema), known).length === 0) return;
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
  try {
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`gba-authz ${schema}`]);
    const there = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
    // An administrator may have made it, for a user who may make none.
    if (there.rows.length === 0) await client.query(`CREATE SCHEMA ${schema}`);
    await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.migrations (
      number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    for (const { number, name, sql } of pendingMigrations(await appliedMigrations(client, schema), known)) {
      await client.query(sql(schema));
      await client.query(`INSERT INTO ${schema}.migrations (number, name) VALUES ($1, $2)`, [number, name]);
    }
    await client.query('COMMIT');
  } catch (error) {
    // The first failure is what counts; a connection that is gone has rolled back by itself.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
