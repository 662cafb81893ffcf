import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openPostgresStore, type PostgresConfig } from '../../src/store/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { type PostgresServer, postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { postgresConfig, settable } from './support.ts';

describe('postgres over TLS', postgresOrSkip, () => {
  const pki = makeTestPki(['db.example', 'localhost', 'gba']);
  const ca = pki.ca;
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres({ tls: pki.pem('db.example') });
  });
  after(() => server.stop());
  const open = (tls: PostgresConfig['tls'], url = server.url) =>
    openPostgresStore(postgresConfig(url, { tls }), settable(1));

  test('a server of another authority or another name is refused for good', async () => {
    const stranger = makeTestPki(['db.example']).ca;
    for (const tls of [
      { ca: stranger, serverName: 'db.example' },
      { ca },
      { ca, serverName: 'other.example' },
      { ca, serverName: '127.0.0.1' },
    ]) {
      await assert.rejects(open(tls), { code: 'store-unavailable', retryable: false }, JSON.stringify(tls));
    }
    const byName = server.url.replace('127.0.0.1', 'localhost');
    await assert.rejects(open({ ca }, byName), { code: 'store-unavailable', retryable: false });
  });

  test('a server without TLS is refused, not talked to in the clear', async () => {
    const plain = await startPostgres();
    try {
      const refused = { code: 'store-unavailable', retryable: false, message: /does not speak TLS/ };
      await assert.rejects(open({ ca, serverName: 'db.example' }, plain.url), refused);
    } finally {
      await plain.stop();
    }
  });

  test('with the right name and authority every connection is TLS, with an own certificate too', async () => {
    for (const own of [{}, { cert: pki.files('gba').cert, key: pki.files('gba').key }]) {
      const store = await open({ ca, serverName: 'db.example', ...own });
      assert.equal(await store.commit([{ space: 's', key: 'k', put: 1 }]), true);
      const rows = await server.query(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'gba-authz gba'",
      );
      assert.deepEqual(rows, [{ ssl: true }]);
      await store.close();
    }
  });
});
