import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { codeOf } from '../../src/base/index.ts';
import { lookAtPostgres, openPostgresStore, openStore } from '../../src/store/index.ts';
import { withConnection } from '../../src/store/postgres/look.ts';
import { migrate } from '../../src/store/postgres/migrate.ts';
import { MIGRATIONS } from '../../src/store/postgres/migrations.ts';
import { PASSWORD, type PostgresServer, postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { postgresConfig, settable } from './support.ts';

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const versionsOf = async (server: PostgresServer, schema = 'gba') =>
  (await server.query(`SELECT number FROM ${schema}.migrations ORDER BY number`)).map(({ number }) => number);

/** Rejects so, with nothing of the password anywhere in the error. */
async function refuses(work: Promise<unknown>, retryable: boolean, text: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    const shown = inspect(error, { depth: 9, showHidden: true });
    assert.equal(codeOf(error), 'store-unavailable', shown);
    assert.match(shown, text);
    assert.match(shown, new RegExp(`retryable: ${retryable}`));
    assert.equal(shown.includes(PASSWORD), false);
    return true;
  });
}

describe('postgres', postgresOrSkip, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());
  const database = async (name: string): Promise<string> => {
    await server.query(`CREATE DATABASE ${name}`);
    return server.url.replace(/postgres$/, name);
  };

  test('a wrong password, user or database is refused for good, and says which', async () => {
    const open = (url: string) => openPostgresStore(postgresConfig(url), settable(1));
    await refuses(open(server.url.replace(PASSWORD, `${PASSWORD}x`)), false, /user or password refused/);
    await refuses(open(server.url.replace('//gba', '//nobody')), false, /user or password refused/);
    await refuses(open(server.url.replace(/postgres$/, 'nowhere')), false, /no such database/);
  });

  test('a user who may not make the schema is refused; one who is given it needs no more', async () => {
    await server.query(`CREATE ROLE poor LOGIN PASSWORD '${PASSWORD}'`);
    const config = postgresConfig(server.url.replace('//gba', '//poor'), { schema: 'given' });
    await refuses(openPostgresStore(config, settable(1)), false, /lacks a right/);
    await server.query('CREATE SCHEMA given AUTHORIZATION poor');
    const store = await openPostgresStore(config, settable(1));
    assert.equal(await store.commit([{ space: 's', key: 'k', put: 1 }]), true);
    await store.close();
  });

  test('a server that would lose acknowledged writes, or cannot hold every key, is refused', async () => {
    const url = await database('unsound');
    await server.query('ALTER DATABASE unsound SET synchronous_commit = off');
    const open = (to: string) => openPostgresStore(postgresConfig(to), settable(1));
    await assert.rejects(open(url), { code: 'store-unsound', message: /synchronous_commit/ });
    await server.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0");
    await assert.rejects(open(server.url.replace(/postgres$/, 'latin')), { code: 'store-unsound', message: /LATIN1/ });
  });

  test('a schema that a newer program has migrated is refused and left alone', async () => {
    const config = postgresConfig(await database('newer'));
    await (await openPostgresStore(config, settable(1))).close();
    await withConnection(config, async (client) => {
      await client.query("INSERT INTO gba.migrations (number, name) VALUES (999, 'of the future')");
    });
    await assert.rejects(openPostgresStore(config, settable(1)), { code: 'store-version-unknown' });
    await assert.rejects(lookAtPostgres(config), { code: 'store-version-unknown' });
  });

  test('looking changes nothing and says what there is', async () => {
    const config = postgresConfig(await database('looked'));
    assert.match(await lookAtPostgres(config), /^PostgreSQL \d+.*, schema gba not made yet$/);
    assert.match(await lookAtPostgres(config), /not made yet$/);
    await (await openPostgresStore(config, settable(1))).close();
    assert.match(await lookAtPostgres(config), /schema gba up to date$/);
  });

  test('a migration that fails leaves the schema as it was', async () => {
    const config = postgresConfig(await database('failing'));
    const bad = { number: 3, name: 'bad', sql: (schema: string) => `DROP TABLE ${schema}.records; SELECT 1/0` };
    const store = await openPostgresStore(config, settable(1));
    await store.commit([{ space: 's', key: 'k', put: 1 }]);
    const again = () => withConnection(config, (client) => migrate(client, 'gba', [...MIGRATIONS, bad]));
    for (const _ of [1, 2]) await refuses(again(), false, /22012/);
    assert.equal((await store.get('s', 'k'))?.value, 1);
    await store.close();
  });

  test('numbers of migrations are 1, 2, 3, ..., and each but the newest has its fixture', () => {
    assert.deepEqual(
      MIGRATIONS.map(({ number }) => number),
      MIGRATIONS.map((_, i) => i + 1),
    );
    const files = readdirSync(new URL('fixtures', import.meta.url)).filter((name) => name.startsWith('postgres-'));
    const older = MIGRATIONS.slice(0, -1).map(({ number }) => `postgres-${String(number).padStart(3, '0')}.sql`);
    assert.deepEqual(files.sort(), older);
  });

  test('a schema of every older version is brought up to date with its records', async () => {
    for (const { number } of MIGRATIONS.slice(0, -1)) {
      const config = postgresConfig(await database(`older${number}`));
      await withConnection(config, async (client) => {
        await client.query(fixture(`postgres-${String(number).padStart(3, '0')}.sql`));
      });
      assert.match(await lookAtPostgres(config), /to be migrated/);
      const store = await openPostgresStore(config, settable(1_000));
      assert.match(await lookAtPostgres(config), /up to date/);
      assert.deepEqual(await store.list('s'), [
        { key: 'Later', value: 'x', version: 39, expiresAt: 5_000 },
        { key: 'lasting', value: { n: 1 }, version: 12 },
      ]);
      assert.equal(await store.sweep(), 1);
      assert.equal(await store.commit([{ space: 's', key: 'past', expect: 0, put: 'z' }]), true);
      assert.equal((await store.get('s', 'past'))?.version, 41);
      await store.close();
    }
  });

  test('of many programs that start together one migrates and all go on', async () => {
    const config = postgresConfig(await database('together'));
    const stores = await Promise.all(Array.from({ length: 8 }, () => openPostgresStore(config, settable(1))));
    const done = await Promise.all(
      stores.map((store, i) => store.commit([{ space: 's', key: 'k', expect: 0, put: i }])),
    );
    assert.equal(done.filter(Boolean).length, 1);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('two schemas of one database know nothing of each other', async () => {
    const url = await database('shared');
    const [a, b] = await Promise.all(
      ['a', 'b'].map((schema) => openStore(postgresConfig(url, { schema }), settable(1))),
    );
    await a?.commit([{ space: 's', key: 'k', put: 'a' }]);
    assert.equal(await b?.get('s', 'k'), undefined);
    assert.equal(await b?.commit([{ space: 's', key: 'k', expect: 0, put: 'b' }]), true);
    assert.equal((await a?.get('s', 'k'))?.value, 'a');
    await Promise.all([a?.close(), b?.close()]);
  });

  test('a statement that waits too long is a retryable refusal that wrote nothing; the store goes on', async () => {
    const config = postgresConfig(await database('slow'), { statementTimeoutMs: 300, maxConnections: 2 });
    const store = await openPostgresStore(config, settable(1));
    await store.commit([{ space: 's', key: 'k', put: 1 }]);
    await withConnection(config, async (client) => {
      await client.query("BEGIN; SELECT * FROM gba.records WHERE key = 'k' FOR UPDATE");
      await refuses(store.commit([{ space: 's', key: 'k', put: 2 }]), true, /took too long, 57014/);
      assert.equal((await store.get('s', 'k'))?.value, 1);
    });
    assert.equal(await store.commit([{ space: 's', key: 'k', put: 3 }]), true);
    await store.close();
  });

  test('more calls than connections wait for their turn, and the server sees no more than configured', async () => {
    const config = postgresConfig(await database('few'), { maxConnections: 2 });
    const store = await openPostgresStore(config, settable(1));
    const calls = Array.from({ length: 100 }, (_, i) => store.commit([{ space: 's', key: `k${i}`, put: i }]));
    const [count] = await server.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = 'few'");
    assert.equal((await Promise.all(calls)).every(Boolean), true);
    assert.ok(Number(count?.['n']) <= 2, `${count?.['n']} connections`);
    await store.close();
  });

  test('conflicts that the server reports, as under a stricter isolation, are tried again inside', async () => {
    const url = await database('strict');
    await server.query("ALTER DATABASE strict SET default_transaction_isolation = 'serializable'");
    const store = await openPostgresStore(postgresConfig(url), settable(1));
    const raise = async (): Promise<void> => {
      for (;;) {
        const now = await store.get<number>('s', 'n');
        const put = (now?.value ?? 0) + 1;
        if (await store.commit([{ space: 's', key: 'n', expect: now?.version ?? 0, put }])) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, raise));
    assert.equal((await store.get('s', 'n'))?.value, 20);
    await store.close();
  });

  test('after closing every call is refused', async () => {
    const store = await openPostgresStore(postgresConfig(await database('closed')), settable(1));
    await store.close();
    await refuses(store.get('s', 'k'), false, /closed/);
    await refuses(store.commit([{ space: 's', key: 'k', put: 1 }]), false, /closed/);
    await refuses(store.sweep(), false, /closed/);
  });

  test('the schema stands at the newest version', async () => {
    await (await openPostgresStore(postgresConfig(server.url), settable(1))).close();
    assert.deepEqual(
      await versionsOf(server),
      MIGRATIONS.map(({ number }) => number),
    );
  });
});
