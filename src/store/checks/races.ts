import assert from 'node:assert/strict';
import type { Store } from '../contract.ts';
import { check, keysOf, put, raise, read, type StoreCheck, times, untilDone } from './check.ts';

/** Moves one from an account to another, in one commit, whatever the order of their names. */
async function transfer(store: Store, from: string, to: string): Promise<void> {
  await untilDone(async () => {
    const [a, b] = [await read<number>(store, from), await read<number>(store, to)];
    const taken = put(from, a.value - 1, { expect: a.version });
    return await store.commit([taken, put(to, b.value + 1, { expect: b.version })]);
  });
}

export const races: readonly StoreCheck[] = [
  check('of many writers that expect the same version exactly one wins', async ({ store }) => {
    const all = (expect: number) => Promise.all(times(50).map((i) => store.commit([put('k', i, { expect })])));
    assert.equal((await all(0)).filter(Boolean).length, 1);
    const { version } = await read(store, 'k');
    assert.equal((await all(version)).filter(Boolean).length, 1);
    assert.equal((await all(version)).filter(Boolean).length, 0);
  }),

  check('of many writers of the same two new records exactly one wins both', async ({ store }) => {
    const keys = ['a', 'b'];
    const tries = times(30).map((i) => {
      const ops = keys.map((key) => put(key, i, { expect: 0 }));
      return store.commit(i % 2 ? ops : ops.reverse());
    });
    const won = (await Promise.all(tries)).flatMap((done, i) => (done ? [i] : []));
    assert.equal(won.length, 1);
    for (const key of keys) assert.equal((await read(store, key)).value, won[0]);
  }),

  check('a counter raised by compare-and-set from many sides loses no step', async ({ store }) => {
    await Promise.all(times(20).map(() => raise(store, 'n')));
    assert.equal((await read(store, 'n')).value, 20);
  }),

  check('commits over several records keep their sum, and nobody waits for ever', async ({ store }) => {
    const names = ['a', 'b', 'c', 'd'];
    await store.commit(names.map((name) => put(name, 100)));
    const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const));
    await Promise.all(pairs.flatMap(([from, to]) => times(3).map(() => transfer(store, from, to))));
    const values = (await store.list<number>('s')).map(({ value }) => value);
    assert.deepEqual(values, [100, 100, 100, 100]);
  }),

  check('unconditional commits over the same records in any order end, each as a whole', async ({ store }) => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const commits = times(40).map((i) => {
      const order = i % 2 ? names : [...names].reverse();
      const gone = { space: 's', key: 'gone', delete: true as const };
      return store.commit([...order.map((name) => put(name, i)), ...(i % 3 ? [gone] : [])]);
    });
    assert.equal((await Promise.all(commits)).every(Boolean), true);
    assert.equal(new Set((await store.list('s')).map(({ value }) => value)).size, 1);
  }),

  check(
    'a condition on an absent record holds until the commit: of two that exclude each other one wins',
    async ({ store }) => {
      for (const round of times(25)) {
        const [left, right] = [`l${round}`, `r${round}`];
        const results = await Promise.all([
          store.commit([put(left, 1), { space: 's', key: right, expect: 0 }]),
          store.commit([put(right, 1), { space: 's', key: left, expect: 0 }]),
        ]);
        const written = await Promise.all([store.get('s', left), store.get('s', right)]);
        assert.equal(written.filter((entry) => entry !== undefined).length, 1, String(results));
      }
    },
  ),

  check('two openings of one store see the same records at once', async ({ store, again, clock }) => {
    const other = await again?.();
    if (other === undefined) return;
    await store.commit([put('k', 1)]);
    assert.deepEqual(await other.get('s', 'k'), await store.get('s', 'k'));
    const { version } = await read(other, 'k');
    assert.equal(await other.commit([put('k', 2, { expect: version, expiresAt: 2_000 })]), true);
    assert.equal(await store.commit([put('k', 3, { expect: version })]), false);
    clock.at = 2_000;
    assert.deepEqual(await keysOf(store), []);
    assert.equal(await store.sweep(), 1);
    assert.equal(await other.sweep(), 0);
  }),

  check(
    'a counter raised through two openings loses no step, and no version is given twice',
    async ({ store, again }) => {
      const other = await again?.();
      if (other === undefined) return;
      await Promise.all(times(20).map((i) => raise(i % 2 ? store : other, 'n')));
      assert.equal((await read(store, 'n')).value, 20);
      await Promise.all(times(20).map((i) => (i % 2 ? store : other).commit([put(`v${i}`, i)])));
      const versions = (await store.list('s')).map(({ version }) => version);
      assert.equal(new Set(versions).size, versions.length);
    },
  ),
];
