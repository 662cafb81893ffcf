import assert from 'node:assert/strict';
import type { Op } from '../contract.ts';
import { check, keysOf, put, read, type StoreCheck } from './check.ts';

export const refusals: readonly StoreCheck[] = [
  check('names that a driver could misread are refused', async ({ store }) => {
    const names = [
      ['S', 'k'],
      ['s/t', 'k'],
      ['', 'k'],
      ['1s', 'k'],
      ['s', ''],
      ['s', 'a\u0000b'],
      ['s', 'line\n'],
      ['s', 'x'.repeat(513)],
      ['s', '\u00e4'.repeat(257)],
      ['s', 'half a pair \ud800'],
    ] as const;
    for (const [space, key] of names) {
      const code = 'store-name-invalid';
      await assert.rejects(store.commit([put('good', 1), { space, key, put: 1 }]), { code });
      await assert.rejects(store.commit([{ space, key, delete: true }]), { code });
    }
    assert.deepEqual(await keysOf(store), []);
  }),

  check('a value that JSON cannot say is refused, and nothing of its commit is written', async ({ store }) => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const bad: Op[] = [
      put('b', 10n),
      put('b', circular),
      put('b', () => 1),
      put('b', Symbol('b')),
      put('b', 1, { expiresAt: Number.NaN }),
      put('b', 1, { expiresAt: Number.POSITIVE_INFINITY }),
    ];
    for (const op of bad) {
      await assert.rejects(store.commit([put('a', 1), op]), { code: 'store-value-invalid' });
    }
    assert.deepEqual(await keysOf(store), []);
  }),

  check('a name that could never be written is absent, not a failure', async ({ store }) => {
    await store.commit([put('\u{1f600}', 1), put('z', 1)]);
    for (const key of ['', 'a\u0000b', 'x'.repeat(5_000), '\ud83d']) {
      assert.equal(await store.get('s', key), undefined);
      if (key !== '') assert.deepEqual(await keysOf(store, { prefix: key }), [], JSON.stringify(key));
      // It has a place in the order of octets nevertheless; half a pair is written as U+FFFD.
      const rest = key === 'x'.repeat(5_000) || key === '' || key === 'a\u0000b' ? ['z', '\u{1f600}'] : ['\u{1f600}'];
      assert.deepEqual(await keysOf(store, { after: key }), rest, JSON.stringify(key.slice(0, 9)));
    }
    assert.equal(await store.get('No space', 'z'), undefined);
    assert.deepEqual(await store.list('No space'), []);
  }),

  check('a commit whose expectations do not all hold writes nothing', async ({ store }) => {
    await store.commit([put('a', 1), put('z', 1)]);
    const { version } = await read(store, 'a');
    const more = [put('0', 2), { space: 't', key: 'a', put: 2 }, put('z', 2), put('zz', 2)];
    for (const expect of [0, version + 1, version - 1, -1, 0.5, Number.NaN]) {
      if (expect === 0 || expect !== version) {
        assert.equal(await store.commit([...more, put('a', 2, { expect })]), false, String(expect));
        assert.equal(await store.commit([{ space: 's', key: 'a', expect, delete: true }, ...more]), false);
        assert.equal(await store.commit([{ space: 's', key: 'a', expect }, ...more]), false);
      }
    }
    assert.equal(await store.commit([put('absent', 2, { expect: version }), ...more]), false);
    assert.deepEqual(
      (await store.list('s')).map(({ key, value }) => [key, value]),
      [
        ['a', 1],
        ['z', 1],
      ],
    );
    assert.deepEqual(await store.list('t'), []);
  }),

  check(
    'a commit that expects two things of one record is refused; of one, what is expected counts',
    async ({ store }) => {
      await store.commit([put('a', 1)]);
      const { version } = await read(store, 'a');
      assert.equal(await store.commit([put('a', 2, { expect: version }), put('a', 3, { expect: version + 1 })]), false);
      assert.equal(await store.commit([put('b', 2, { expect: 0 }), put('b', 3, { expect: 1 })]), false);
      assert.equal((await read(store, 'a')).value, 1);
      assert.equal(await store.commit([put('a', 2, { expect: version }), put('a', 3)]), true);
      assert.equal((await read(store, 'a')).value, 3);
    },
  ),

  check('a version is not used again after its record was deleted', async ({ store }) => {
    await store.commit([put('a', 'old')]);
    const old = await read(store, 'a');
    const seen = new Set([old.version]);
    for (const value of ['new', 'newer', 'newest']) {
      await store.commit([{ space: 's', key: 'a', delete: true }]);
      await store.commit([put('a', value)]);
      const { version } = await read(store, 'a');
      assert.equal(seen.has(version), false, `version ${version} again`);
      seen.add(version);
      assert.equal(await store.commit([put('a', 'lost', { expect: old.version })]), false);
    }
    assert.equal((await read(store, 'a')).value, 'newest');
  }),

  check('a version is not used again after its record has expired, swept or not', async ({ store, clock }) => {
    await store.commit([put('a', 'old', { expiresAt: 2_000 }), put('b', 'old', { expiresAt: 2_000 })]);
    const old = [await read(store, 'a'), await read(store, 'b')];
    clock.at = 2_000;
    await store.commit([put('a', 'new')]);
    await store.sweep();
    await store.commit([put('b', 'new')]);
    for (const { key, version } of old) {
      assert.notEqual((await read(store, key)).version, version);
      assert.equal(await store.commit([put(key, 'lost', { expect: version })]), false);
    }
  }),
];
