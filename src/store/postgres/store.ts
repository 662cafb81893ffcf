import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import { type Clock, GbaError, systemRandom } from '../../base/index.ts';
import type { Entry, ListOptions, Op, Store } from '../contract.ts';
import { foldOps, isKey, isSpace, SWEEP_LIMIT, toEntry, toStored } from '../record.ts';
import { connectingOf, type PostgresConfig } from './config.ts';
import { isConflict, isRefusal, isTimeout, storeUnavailable } from './errors.ts';
import { requireSound, withConnection } from './look.ts';
import { migrate } from './migrate.ts';
import { commitStatement, getStatement, listStatement, type Row, sweepStatement } from './statements.ts';

/** How often a commit that lost against another one is tried before the caller is told. */
const CONFLICTS = 20;
/** How much longer than the server's own limit an answer is waited for. */
const GRACE_MS = 2_000;

/**
 * Records in a schema of a PostgreSQL database, which every instance of a function on every machine shares. Connections that
 * break are replaced at the next call; until the server is back calls reject with a retryable `store-unavailable`.
 */
export async function openPostgresStore(config: PostgresConfig, clock: Clock): Promise<Store> {
  const { schema } = config;
  await withConnection(config, async (client) => {
    await requireSound(client);
    await migrate(client, schema);
  });
  const pool = new Pool({
    ...connectingOf(config),
    max: config.maxConnections,
    idleTimeoutMillis: config.idleTimeoutMs,
    statement_timeout: config.statementTimeoutMs,
    query_timeout: config.statementTimeoutMs + GRACE_MS,
  });
  // An idle connection broke: the pool has dropped it.
  pool.on('error', () => undefined);
  // One in use broke between two queries: its next query rejects. Unheard, the event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  let closing: Promise<void> | undefined;

  async function connect(): Promise<PoolClient> {
    if (closing !== undefined) throw new GbaError('store-unavailable', 'the store is closed');
    return await pool.connect();
  }
  async function ask<R extends QueryResultRow>(client: PoolClient, query: QueryConfig): Promise<QueryResult<R>> {
    try {
      const answer = await client.query<R>(query);
      client.release();
      return answer;
    } catch (error) {
      client.release(!isRefusal(error));
      throw error;
    }
  }
  /** Reading twice is reading once, so a connection that turns out to be dead is tried to be replaced. */
  async function read(query: QueryConfig): Promise<Row[]> {
    try {
      const client = await connect();
      const answer = await ask<Row>(client, query).catch(async (error: unknown) => {
        if (isRefusal(error) || isTimeout(error)) throw error;
        return await ask<Row>(await connect(), query);
      });
      return answer.rows;
    } catch (error) {
      throw storeUnavailable(error);
    }
  }
  /** Never again after a broken connection: who does not know whether it happened must not do it twice. */
  async function write<R extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<R>> {
    for (let conflicts = 0; ; conflicts++) {
      try {
        return await ask<R>(await connect(), query);
      } catch (error) {
        if (!isConflict(error) || conflicts === CONFLICTS) throw storeUnavailable(error);
      }
      await delay(1 + systemRandom.bytes(1).readUInt8() / 16);
    }
  }

  return {
    async get<T>(space: string, key: string): Promise<Entry<T> | undefined> {
      if (!isKey(key) || !isSpace(space)) return undefined;
      const [row] = await read(getStatement(schema, space, key, clock.now()));
      return row === undefined ? undefined : entryOf<T>(row);
    },
    async list<T>(space: string, options: ListOptions = {}): Promise<Entry<T>[]> {
      const query = isSpace(space) ? listStatement(schema, space, options, clock.now()) : undefined;
      return query === undefined ? [] : (await read(query)).map((row) => entryOf<T>(row));
    },
    async commit(ops: readonly Op[]) {
      const changes = foldOps(ops);
      if (changes === undefined) return false;
      if (changes.length === 0) return true;
      const { rows } = await write<{ done: boolean }>(commitStatement(schema, changes, clock.now()));
      return rows[0]?.done === true;
    },
    async sweep(limit = SWEEP_LIMIT) {
      return (await write(sweepStatement(schema, clock.now(), limit))).rowCount ?? 0;
    },
    close() {
      closing ??= pool.end();
      return closing;
    },
  };
}

function entryOf<T>({ key, value, version, expires_at }: Row): Entry<T> {
  return toEntry<T>(key, toStored(value, Number(version), expires_at ?? undefined));
}
