import assert from 'node:assert/strict';
import { check, keysOf, put, read, type StoreCheck, times } from './check.ts';

export const expiry: readonly StoreCheck[] = [
  check('an expired record is absent for get, list and expect, before any sweep', async ({ store, clock }) => {
    await store.commit([put('k', 1, { expiresAt: 2_000 })]);
    const { version, expiresAt } = await read(store, 'k');
    assert.equal(expiresAt, 2_000);
    clock.at = 1_999;
    assert.deepEqual(await keysOf(store), ['k']);
    clock.at = 2_000;
    assert.equal(await store.get('s', 'k'), undefined);
    assert.deepEqual(await keysOf(store), []);
    assert.equal(await store.commit([put('k', 2, { expect: version })]), false);
    assert.equal(await store.commit([{ space: 's', key: 'k', expect: version, delete: true }]), false);
    assert.equal(await store.commit([{ space: 's', key: 'k', expect: version }]), false);
    assert.equal(await store.commit([{ space: 's', key: 'k', expect: 0 }]), true);
    assert.equal(await store.commit([put('k', 3, { expect: 0 })]), true);
    const { version: _, ...entry } = await read(store, 'k');
    assert.deepEqual(entry, { key: 'k', value: 3 });
  }),

  check(
    'a write without expiry makes a record lasting; one in the past makes it absent at once',
    async ({ store, clock }) => {
      await store.commit([put('k', 1, { expiresAt: 2_000 }), put('l', 1)]);
      await store.commit([put('k', 2), put('l', 2, { expiresAt: 1_000 }), put('m', 1, { expiresAt: -1e300 })]);
      assert.deepEqual(await keysOf(store), ['k']);
      clock.at = 1e12;
      await store.sweep();
      assert.deepEqual(await keysOf(store), ['k']);
      await store.commit([put('n', 1, { expiresAt: 1e12 + 0.5 }), put('o', 1, { expiresAt: Number.MAX_VALUE })]);
      assert.equal((await read(store, 'n')).expiresAt, 1e12 + 0.5);
      assert.equal((await read(store, 'o')).expiresAt, Number.MAX_VALUE);
    },
  ),

  check('sweeps remove what has expired and nothing else, a bounded number at a time', async ({ store, clock }) => {
    await store.commit([
      ...times(30).map((i) => put(`a/${i}`, 1, { expiresAt: 1_500 + i })),
      ...times(10).map((i) => put(`b/${i}`, 2, { expiresAt: 5_000 })),
      ...times(10).map((i) => put(`c/${i}`, 3)),
    ]);
    assert.equal(await store.sweep(), 0);
    clock.at = 3_000;
    let removed = 0;
    for (const _ of times(60)) {
      const now = await store.sweep(4);
      assert.ok(now <= 4, `${now} in one sweep of 4`);
      removed += now;
    }
    assert.equal(removed, 30);
    assert.equal((await keysOf(store)).length, 20);
    clock.at = 1_000;
    assert.deepEqual(await keysOf(store, { prefix: 'a/' }), [], 'really gone');
  }),

  check('a sweep without a number gets round a small store', async ({ store, clock }) => {
    await store.commit([put('a', 1, { expiresAt: 1_500 }), put('b', 1), put('c', 1, { expiresAt: 1_600 })]);
    clock.at = 3_000;
    assert.equal(await store.sweep(), 2);
    assert.equal(await store.sweep(), 0);
  }),

  check(
    'of many who take an expired record over, while it is swept, exactly one succeeds',
    async ({ store, clock }) => {
      for (const round of times(10)) {
        const key = `k${round}`;
        clock.at = 1_000;
        await store.commit([put(key, 'old', { expiresAt: 2_000 })]);
        clock.at = 2_000;
        const tries = times(10).map((i) => store.commit([put(key, i, { expect: 0, expiresAt: 9_000 })]));
        const sweeps = times(5).map(() => store.sweep());
        const won = (await Promise.all(tries)).flatMap((done, i) => (done ? [i] : []));
        await Promise.all(sweeps);
        await store.sweep();
        assert.equal(won.length, 1);
        assert.equal((await read(store, key)).value, won[0]);
      }
    },
  ),

  check('a record that is renewed just before the sweep stays', async ({ store, clock }) => {
    await store.commit(times(50).map((i) => put(`k${i}`, 1, { expiresAt: 2_000 })));
    clock.at = 2_000;
    const renewals = times(50).map((i) => store.commit([put(`k${i}`, 2, { expiresAt: 9_000 })]));
    await Promise.all([...renewals, ...times(5).map(() => store.sweep())]);
    await store.sweep();
    assert.equal((await keysOf(store)).length, 50);
  }),
];
