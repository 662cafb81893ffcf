import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { lookAtPostgres, openPostgresStore, storeConfigSchema } from '../../src/store/index.ts';
import { PASSWORD } from '../support/postgres.ts';
import { postgresConfig, settable } from './support.ts';

const parse = (more: object) => storeConfigSchema.safeParse({ driver: 'postgres', schema: 'gba', ...more });
const LOCAL = `postgres://gba:${PASSWORD}@127.0.0.1:1/gba`;

test('a URL that is none, or says what is not understood, is refused without a part of it', () => {
  for (const url of [
    '',
    PASSWORD,
    `mysql://gba:${PASSWORD}@localhost/gba`,
    `postgres://gba:${PASSWORD}@localhost`,
    `postgres://gba:${PASSWORD}@localhost/`,
    `postgres://:${PASSWORD}@localhost/gba`,
    `postgres://gba:${PASSWORD}@localhost:70000/gba`,
    `postgres://gba:${PASSWORD}@local host/gba`,
    `postgres://gba:${PASSWORD}@localhost/gba?sslmode=disable`,
    `postgres://gba:${PASSWORD}%zz@localhost/gba`,
    `postgres://gba:${PASSWORD}@localhost/gba#more`,
  ]) {
    const refused = parse({ url });
    assert.equal(refused.success, false, url);
    assert.equal(refused.error?.message.includes(PASSWORD), false, url);
  }
});

test('another host needs TLS, or a word that it does not', () => {
  const far = `postgres://gba:${PASSWORD}@db.example/gba`;
  for (const url of [far, 'postgres://gba@10.0.0.1/gba', 'postgres://gba@127.0.0.1.example/gba']) {
    assert.equal(parse({ url }).success, false, url);
    assert.equal(parse({ url, tls: false }).success, true);
    assert.equal(parse({ url, tls: { ca: 'ca.pem' } }).success, true);
  }
  for (const url of [LOCAL, 'postgres://gba@localhost/gba', 'postgres://gba@[::1]/gba']) {
    assert.equal(parse({ url }).success, true, url);
  }
  assert.equal(parse({ url: 'postgres://gba@localhost/gba?host=/run/postgresql' }).success, true);
});

test('a schema is a plain word, and limits are within reason', () => {
  for (const schema of ['', 'Gba', 'pg_gba', '1gba', 'gba;drop', 'a-b', 'x'.repeat(64)]) {
    assert.equal(parse({ url: LOCAL, schema }).success, false, schema);
  }
  const { schema: _, ...without } = postgresConfig(LOCAL);
  assert.equal(storeConfigSchema.safeParse(without).success, false);
  for (const more of [{ maxConnections: 0 }, { statementTimeoutMs: 0 }, { connectTimeoutMs: -1 }, { ssl: true }]) {
    assert.equal(parse({ url: LOCAL, ...more }).success, false);
  }
});

test('a URL from the environment is checked when the store is opened', async () => {
  const open = () => openPostgresStore(postgresConfig('env:GBA_TEST_STORE'), settable(1));
  delete process.env['GBA_TEST_STORE'];
  await assert.rejects(open(), { code: 'config-invalid', message: /GBA_TEST_STORE is not set/ });
  for (const url of [
    PASSWORD,
    `postgres://gba:${PASSWORD}@db.example/gba`,
    `postgres://g:${PASSWORD}@localhost/g?a=b`,
  ]) {
    process.env['GBA_TEST_STORE'] = url;
    await assert.rejects(open(), (error: unknown) => {
      assert.match(inspect(error), /config-invalid/);
      assert.equal(inspect(error, { depth: 9, showHidden: true }).includes(PASSWORD), false);
      return true;
    });
  }
  delete process.env['GBA_TEST_STORE'];
});

test('a server that is away, or a file that is missing, is a typed refusal that shows no password', async () => {
  for (const look of [
    () => openPostgresStore(postgresConfig(LOCAL), settable(1)),
    () => lookAtPostgres(postgresConfig(`postgres://gba:${PASSWORD}@localhost/gba?host=/nowhere`)),
    () => lookAtPostgres(postgresConfig(`postgres://gba:${PASSWORD}@nowhere.invalid/gba`, { tls: false })),
  ]) {
    await assert.rejects(look(), (error: unknown) => {
      assert.match(inspect(error), /store-unavailable[\s\S]*retryable: true/);
      assert.equal(inspect(error, { depth: 9, showHidden: true }).includes(PASSWORD), false);
      return true;
    });
  }
  const tls = { ca: '/nowhere/ca.pem' };
  await assert.rejects(lookAtPostgres(postgresConfig(LOCAL, { tls })), { code: 'config-file-unreadable' });
});
