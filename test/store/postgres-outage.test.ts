import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { GbaError } from '../../src/base/index.ts';
import { openPostgresStore, type Store } from '../../src/store/index.ts';
import { PASSWORD, type PostgresServer, postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { postgresConfig, settable } from './support.ts';

interface Tally {
  acknowledged: number;
  refused: number;
  untyped: unknown[];
  lost: string[];
}

/** Throws away what a caller may see while the server is away; everything else is a fault. */
async function orRefused<T>(tally: Tally, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const typed = error instanceof GbaError && error.code === 'store-unavailable' && error.retryable;
    if (!typed || inspect(error, { depth: 9, showHidden: true }).includes(PASSWORD)) tally.untyped.push(error);
    tally.refused++;
    await delay(5);
    return undefined;
  }
}

/** Raises a counter and writes a line for each number, in one commit, as long as `going` says. */
async function work(store: Store, name: string, tally: Tally, going: () => boolean): Promise<void> {
  const counter = `n/${name}`;
  let certain = 0;
  let possible = 0;
  while (going()) {
    const entry = await orRefused(
      tally,
      async () => (await store.get<number>('s', counter)) ?? { value: 0, version: 0 },
    );
    if (entry === undefined) continue;
    if (entry.value !== certain && entry.value !== possible) {
      tally.lost.push(`${name}: ${entry.value} instead of ${certain} or ${possible}`);
    }
    certain = entry.value;
    possible = certain + 1;
    const line = { space: 's', key: `line/${name}/${possible}`, expect: 0, put: possible };
    const raised = { space: 's', key: counter, expect: entry.version, put: possible };
    const done = await orRefused(tally, () => store.commit([raised, line]));
    if (done === false) tally.lost.push(`${name}: somebody else wrote ${counter}`);
    if (done === true) {
      certain = possible;
      tally.acknowledged++;
    }
  }
}

describe('postgres away', postgresOrSkip, () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());

  test('killed and restarted under load: callers see retryable refusals only, nothing is lost, doubled or half', async (t) => {
    const config = postgresConfig(server.url, { connectTimeoutMs: 1_000, statementTimeoutMs: 2_000 });
    const stores = await Promise.all([1, 2].map(() => openPostgresStore(config, settable(1))));
    const tally: Tally = { acknowledged: 0, refused: 0, untyped: [], lost: [] };
    let going = true;
    const workers = Array.from({ length: 12 }, (_, i) => {
      const store = stores[i % 2];
      assert.ok(store);
      return work(store, `w${i}`, tally, () => going);
    });
    const progress = async (count: number): Promise<void> => {
      const before = tally.acknowledged;
      while (tally.acknowledged < before + count) await delay(5);
    };
    for (const _ of [1, 2, 3]) {
      await progress(200);
      await server.kill();
      const before = tally.refused;
      while (tally.refused < before + 20) await delay(5);
      await server.start();
    }
    await progress(200);
    going = false;
    await Promise.all(workers);

    assert.deepEqual(tally.untyped, []);
    assert.deepEqual(tally.lost, []);
    assert.ok(tally.refused > 0);
    const [store] = stores;
    const counters = (await store?.list<number>('s', { prefix: 'n/' })) ?? [];
    const lines = (await store?.list<number>('s', { prefix: 'line/' })) ?? [];
    const sum = counters.reduce((all, { value }) => all + value, 0);
    assert.equal(counters.length, 12);
    assert.equal(lines.length, sum, 'a line for each number that was counted');
    assert.ok(sum >= tally.acknowledged, `${sum} of ${tally.acknowledged} acknowledged`);
    t.diagnostic(`${tally.acknowledged} commits acknowledged, ${sum} there, ${tally.refused} calls refused, 3 kills`);
    await Promise.all(stores.map((one) => one.close()));
  });

  test('connections that were idle when the server restarted are replaced without anybody noticing', async () => {
    const store = await openPostgresStore(postgresConfig(server.url), settable(1));
    await Promise.all(Array.from({ length: 10 }, (_, i) => store.commit([{ space: 's', key: `idle${i}`, put: i }])));
    await server.kill();
    await server.start();
    const reads = await Promise.all(Array.from({ length: 10 }, (_, i) => store.get('s', `idle${i}`)));
    assert.deepEqual(
      reads.map((entry) => entry?.value),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    assert.equal(await store.commit([{ space: 's', key: 'idle', put: 1 }]), true);
    await store.close();
  });

  test('while the server is away a call ends soon, and closing does', async () => {
    const config = postgresConfig(server.url, { connectTimeoutMs: 500, statementTimeoutMs: 500 });
    const store = await openPostgresStore(config, settable(1));
    await server.kill();
    const refused = { code: 'store-unavailable', retryable: true };
    await assert.rejects(store.get('s', 'k'), refused);
    await assert.rejects(store.list('s'), refused);
    await assert.rejects(store.commit([{ space: 's', key: 'k', put: 1 }]), refused);
    await assert.rejects(store.sweep(), refused);
    await assert.rejects(openPostgresStore(config, settable(1)), refused);
    await store.close();
    await server.start();
  });

  test('a server that is there but silent is given up after the limit, and its connection with it', async () => {
    const config = postgresConfig(server.url, { schema: 'silent', statementTimeoutMs: 100, maxConnections: 1 });
    const store = await openPostgresStore(config, settable(1));
    await store.commit([{ space: 's', key: 'k', put: 1 }]);
    const found = await server.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'gba-authz silent'");
    const pids = found.map(({ pid }) => Number(pid));
    assert.equal(pids.length, 1);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await assert.rejects(store.commit([{ space: 's', key: 'l', put: 2 }]), {
      code: 'store-unavailable',
      retryable: true,
    });
    assert.equal((await store.get('s', 'k'))?.value, 1);
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await store.close();
  });
});
