import type { ClientBase } from 'pg';
import { beginEpoch, type Load, type LoadRecord, notEmpty } from '../backup/ports.ts';
import type { PostgresConfig } from './config.ts';
import { requireSound, withConnection } from './look.ts';
import { migrate } from './migrate.ts';

/** One statement holds no more than so many records, or octets and the record that went over. */
const PAGE = 500;
const PAGE_OCTETS = 4_000_000;

/** One transaction, which no other writer gets into. */
export async function loadPostgres(config: PostgresConfig, { now, atMost, records }: Load): Promise<number> {
  const { schema } = config;
  return await withConnection(config, async (client) => {
    await requireSound(client);
    await migrate(client, schema);
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    await client.query('SET LOCAL statement_timeout = 0');
    await client.query(`LOCK TABLE ${schema}.records IN SHARE ROW EXCLUSIVE MODE`);
    const live = await client.query(
      `SELECT 1 FROM ${schema}.records WHERE expires_at IS NULL OR expires_at > $1 LIMIT 1`,
      [now],
    );
    if (live.rows.length > 0) throw notEmpty();
    await client.query(`DELETE FROM ${schema}.records`);
    const { rows } = await client.query<{ last: string }>(`SELECT last_value AS last FROM ${schema}.versions`);
    const first = beginEpoch(Number(rows[0]?.last ?? 0), now);
    // Taken out of the sequence before it is used, and not given back by a rollback.
    await client.query('SELECT setval($1, $2)', [`${schema}.versions`, first + Math.max(atMost, 1)]);
    let version = first;
    for (const page of pagesOf(records())) {
      await insert(client, schema, page, version);
      version += page.length;
    }
    await client.query('COMMIT');
    return version - first;
  });
}

async function insert(client: ClientBase, schema: string, page: readonly LoadRecord[], before: number): Promise<void> {
  await client.query(
    `INSERT INTO ${schema}.records (space, key, value, expires_at, version)
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::double precision[], $5::bigint[])`,
    [
      page.map(({ space }) => space),
      page.map(({ key }) => key),
      page.map(({ json }) => json),
      page.map(({ expiresAt }) => expiresAt ?? null),
      page.map((_, i) => before + 1 + i),
    ],
  );
}

function* pagesOf(records: Iterable<LoadRecord>): Generator<LoadRecord[]> {
  let page: LoadRecord[] = [];
  let octets = 0;
  for (const record of records) {
    page.push(record);
    octets += record.json.length;
    if (page.length < PAGE && octets < PAGE_OCTETS) continue;
    yield page;
    page = [];
    octets = 0;
  }
  if (page.length > 0) yield page;
}
