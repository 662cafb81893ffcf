import assert from 'node:assert/strict';
import { check, keysOf, put, read, type StoreCheck, times } from './check.ts';

export const records: readonly StoreCheck[] = [
  check('an absent record is undefined; a written one comes back, in its space only', async ({ store }) => {
    assert.equal(await store.get('s', 'k'), undefined);
    assert.equal(await store.commit([put('k', { a: [1, '\u00e4'] })]), true);
    const { version, ...entry } = await read(store, 'k');
    assert.deepEqual(entry, { key: 'k', value: { a: [1, '\u00e4'] } });
    assert.ok(Number.isSafeInteger(version) && version > 0, `version ${version}`);
    assert.equal(await store.get('t', 'k'), undefined);
  }),

  check('every value that JSON can say comes back as it was', async ({ store }) => {
    const values: unknown[] = [
      null,
      false,
      0,
      -1.5e-300,
      Number.MAX_SAFE_INTEGER,
      1e300,
      '',
      'quote " backslash \\ brace {} comma , NULL',
      'a\u0000b\u001f\u007f\ufffe\u{1f600}',
      'half a pair \ud800',
      [],
      {},
      { b: 1, a: { '': [null, [[]]], __proto: 1 } },
    ];
    await store.commit(values.map((value, i) => put(`v${i}`, value)));
    for (const [i, value] of values.entries()) assert.deepEqual((await read(store, `v${i}`)).value, value);
    const order = Object.keys((await read<object>(store, `v${values.length - 1}`)).value);
    assert.deepEqual(order, ['b', 'a']);
  }),

  check('a value of two million characters, and a commit of two thousand operations', async ({ store }) => {
    const big = 'big "\\\u00e4 '.repeat(250_000);
    await store.commit([put('big', big), ...times(2_000).map((i) => put(`n/${i}`, i))]);
    assert.equal((await read(store, 'big')).value, big);
    assert.equal((await keysOf(store, { prefix: 'n/' })).length, 2_000);
    await store.commit(times(2_000).map((i) => ({ space: 's', key: `n/${i}`, delete: true as const })));
    assert.deepEqual(await keysOf(store), ['big']);
  }),

  check('what was handed out or in cannot change the record', async ({ store }) => {
    const value = { list: [1] };
    await store.commit([put('k', value)]);
    value.list.push(2);
    (await read<{ list: number[] }>(store, 'k')).value.list.push(3);
    assert.deepEqual((await read(store, 'k')).value, { list: [1] });
  }),

  check('every write changes the version; only the one it has now is expected rightly', async ({ store }) => {
    assert.equal(await store.commit([put('k', 1, { expect: 0 })]), true);
    const first = await read(store, 'k');
    assert.equal(await store.commit([put('k', 1, { expect: first.version })]), true);
    const second = await read(store, 'k');
    assert.notEqual(second.version, first.version);
    assert.equal(await store.commit([put('k', 2, { expect: first.version })]), false);
    assert.equal(await store.commit([put('k', 2)]), true);
    assert.equal(await store.commit([put('k', 3, { expect: second.version })]), false);
    assert.equal((await read(store, 'k')).value, 2);
  }),

  check('delete works, conditionally too, and of what is not there', async ({ store }) => {
    await store.commit([put('k', 1)]);
    const { version } = await read(store, 'k');
    const gone = { space: 's', key: 'k', delete: true as const };
    assert.equal(await store.commit([{ ...gone, expect: version + 1 }]), false);
    assert.equal(await store.commit([{ ...gone, expect: version }]), true);
    assert.equal(await store.get('s', 'k'), undefined);
    assert.equal(await store.commit([{ ...gone, expect: version }]), false);
    assert.equal(await store.commit([{ ...gone, expect: 0 }]), true);
    assert.equal(await store.commit([gone, put('l', 1)]), true);
    assert.deepEqual(await keysOf(store), ['l']);
  }),

  check('of several operations on one record in a commit the last one counts', async ({ store }) => {
    const gone = (key: string) => ({ space: 's', key, delete: true as const });
    await store.commit([put('a', 1), put('a', 2), put('b', 1), gone('b'), gone('c'), put('c', 3)]);
    assert.deepEqual(await keysOf(store), ['a', 'c']);
    assert.equal((await read(store, 'a')).value, 2);
    const { version } = await read(store, 'a');
    // Both look at what was there before the commit.
    const twice = [put('a', 5, { expect: version }), { ...gone('a'), expect: version }];
    assert.equal(await store.commit([...twice, put('c', 6)]), true);
    assert.deepEqual(await keysOf(store), ['c']);
    assert.equal(await store.commit([put('a', 7), { space: 's', key: 'a', expect: 0 }]), true);
    assert.equal((await read(store, 'a')).value, 7);
  }),

  check('an operation that only expects is a condition and writes nothing', async ({ store }) => {
    await store.commit([put('a', 1)]);
    const { version } = await read(store, 'a');
    const condition = (key: string, expect: number) => ({ space: 's', key, expect });
    assert.equal(await store.commit([condition('a', version + 1), put('b', 2)]), false);
    assert.equal(await store.commit([condition('x', version), put('b', 2)]), false);
    assert.equal(await store.commit([condition('a', version), condition('x', 0), put('b', 2)]), true);
    assert.equal(await store.commit([condition('x', 0)]), true);
    assert.equal(await store.commit([{ space: 's', key: 'x' }]), true);
    assert.equal(await store.commit([]), true);
    assert.equal((await read(store, 'a')).version, version);
    assert.deepEqual(await keysOf(store), ['a', 'b']);
  }),

  check('a store may be closed twice', async ({ store }) => {
    await store.commit([put('a', 1)]);
    await store.close();
    await store.close();
  }),
];
