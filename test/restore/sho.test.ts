import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SecretKey, silentLog, systemRandom } from '../../src/base/index.ts';
import type { Answer, HttpClient } from '../../src/http/index.ts';
import { orderFlow, releaseFlow } from '../../src/sho/flows.ts';
import { createHssRestored, type HssRestoredDeps } from '../../src/sho/hss-restored.ts';
import { createOrderBook } from '../../src/sho/order-book.ts';
import type { OrderDeps, OrderRecord } from '../../src/sho/order-record.ts';
import { judgeSubscribers } from '../../src/sho/procedures/restored-subscribers.ts';
import { createMemoryStore, type Entry } from '../../src/store/index.ts';

const none = { configured: [], customers: [], releases: [], orders: [] };

test('a machine that came by an order stays; one that was let go, or whose order was refused, goes', () => {
  const orders = [
    { impi: 'came', state: 'done' },
    { impi: 'moved-on', state: 'done' },
    { impi: 'refused', state: 'refused' },
    { impi: 'waits', state: 'validating' },
    { impi: 'given-up', state: 'failed' },
    { impi: 'again', state: 'refused' },
    { impi: 'again', state: 'released' },
  ] as const;
  const releases = [
    { impi: 'moved-on', state: 'gone' },
    { impi: 'old', state: 'gone' },
    { impi: 'leaving', state: 'letting-go' },
    { impi: 'stays', state: 'returned' },
    { impi: 'asked', state: 'issued' },
  ] as const;
  const verdicts = judgeSubscribers({
    configured: ['old', 'leaving', 'stays', 'asked'],
    customers: ['came', 'given-up', 'again', 'refused'],
    orders,
    releases,
  });
  assert.deepEqual(verdicts.keep.sort(), ['again', 'asked', 'came', 'given-up', 'stays']);
  assert.deepEqual(verdicts.remove.sort(), ['leaving', 'moved-on', 'old', 'refused']);
});

test('whatever it knows, nobody is kept and removed at once, and nobody whose release is being ended is kept', () => {
  const impi = fc.constantFrom('a', 'b', 'c');
  const known = fc.record({
    configured: fc.array(impi),
    customers: fc.array(impi),
    releases: fc.array(fc.record({ impi, state: fc.constantFrom(...releaseFlow.states) })),
    orders: fc.array(fc.record({ impi, state: fc.constantFrom(...orderFlow.states) })),
  });
  fc.assert(
    fc.property(known, (all) => {
      const { keep, remove } = judgeSubscribers(all);
      assert.deepEqual(
        keep.filter((one) => remove.includes(one)),
        [],
      );
      for (const { impi: one, state } of all.releases) {
        if (state === 'letting-go') assert.ok(remove.includes(one));
        if (state === 'gone' && !all.customers.includes(one)) assert.ok(remove.includes(one));
      }
    }),
  );
  assert.deepEqual(judgeSubscribers(none), { keep: [], remove: [] });
});

/** An SHO before an HSS that answers as `answers` says, by method and path. */
function sho(answers: Record<string, { status: number; body?: object }>, own: 'current' | 'restored' = 'current') {
  const calls: string[] = [];
  const store = createMemoryStore({ now: () => 1_000 });
  const send = async (method: string, path: string) => {
    const call = `${method} ${decodeURIComponent(path).replace('/admin/v1/', '')}`;
    calls.push(call);
    const { status, body = {} } = answers[call] ?? { status: 204 };
    return { status, json: (schema: { parse(value: unknown): unknown }) => schema.parse(body) } as Answer;
  };
  const deps = {
    config: { owners: [{ machines: [{ impi: 'a' }, { impi: 'b' }, { impi: 'c' }] }] },
    store,
    hss: { send } as unknown as HttpClient,
    subscriptions: {
      open: async (impi: string) => ({
        ...{ impi, amf: '0000' },
        k: SecretKey.adopt(systemRandom.bytes(16)),
        opc: SecretKey.adopt(systemRandom.bytes(16)),
      }),
    },
    provision: async ({ impi }: { impi: string }) => void calls.push(`provision ${impi}`),
    removeSubscriber: async (impi: string) => void calls.push(`remove ${impi}`),
    log: silentLog,
  } as unknown as HssRestoredDeps;
  const mark = { space: 'restored', key: 'store', put: { v: 1, madeAt: 1, restoredAt: 2 } };
  const gone = { space: 'release', key: '00', put: { v: 1, state: 'gone', impi: 'c', m2meId: 'm' } };
  const ready = store.commit(own === 'restored' ? [mark, gone] : [gone]);
  const hssRestored = createHssRestored(deps);
  return {
    calls,
    look: async () => {
      await ready;
      await hssRestored.look();
    },
  };
}

test('a restored HSS is told once: removals first, then who stays, who is not in it is provisioned', async () => {
  const { calls, look } = sho({
    'GET restored': { status: 200, body: { restoredAt: 7 } },
    'POST subscribers/b/confirmation': { status: 404 },
  });
  await look();
  const expected = [
    'GET restored',
    'remove c',
    'POST subscribers/a/confirmation',
    'POST subscribers/b/confirmation',
    'provision b',
  ];
  assert.deepEqual(calls, expected);
  await look();
  assert.deepEqual(calls, [...expected, 'GET restored']);
});

test('an HSS that was not restored, that is of another make, or an SHO that was restored itself: nothing is said', async () => {
  for (const answer of [{ status: 200 }, { status: 404 }, { status: 503 }]) {
    const { calls, look } = sho({ 'GET restored': answer });
    await look();
    assert.deepEqual(calls, ['GET restored']);
  }
  const { calls, look } = sho({ 'GET restored': { status: 200, body: { restoredAt: 7 } } }, 'restored');
  await look();
  assert.deepEqual(calls, ['GET restored']);
});

test('an HSS that fails in the middle is told all again', async () => {
  const answers: Record<string, { status: number; body?: object }> = {
    'GET restored': { status: 200, body: { restoredAt: 7 } },
    'POST subscribers/b/confirmation': { status: 503 },
  };
  const { calls, look } = sho(answers);
  await assert.rejects(look(), { code: 'peer-unreachable', retryable: true });
  answers['POST subscribers/b/confirmation'] = { status: 204 };
  await look();
  assert.equal(calls.filter((call) => call === 'remove c').length, 2);
  assert.equal(calls.at(-1), 'POST subscribers/b/confirmation');
});

test('only the machine says of an order out of a backup that its subscription may go; a newer open order stays open', async () => {
  for (const [restored, event, withdrawn] of [
    [undefined, 'lapsed', true],
    [5, 'lapsed', false],
    [5, 'machine-refused', true],
  ] as const) {
    const clock = { now: () => 1_000 };
    const store = createMemoryStore(clock);
    const state = event === 'lapsed' ? 'validating' : 'delivered';
    const record = { v: 1, state, m2meId: 'm', impi: 'a', ...(restored !== undefined && { restored }) };
    await store.commit([
      { space: 'order', key: 'o', put: record },
      { space: 'open-order', key: 'm', put: 'newer' },
    ]);
    const book = createOrderBook({ store, clock } as unknown as OrderDeps, () => undefined);
    await book.refuse((await store.get('order', 'o')) as Entry<OrderRecord>, event, 'why');
    assert.equal((await store.get<{ state: string }>('order', 'o'))?.value.state, 'refused');
    assert.equal((await store.get('outbox', 'withdraw/o')) !== undefined, withdrawn, `${restored} ${event}`);
    assert.equal((await store.get('open-order', 'm'))?.value, 'newer');
  }
});
