import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createMemoryStore,
  openLmdbStore,
  openStore,
  type Store,
  scopedStore,
  storeConfigSchema,
} from '../../src/store/index.ts';

/** A clock that tests own. */
const settable = (start: number) => {
  const clock = { at: start, now: () => clock.at };
  return clock;
};

const drivers: Record<string, (body: (store: Store, clock: { at: number }) => Promise<void>) => Promise<void>> = {
  async memory(body) {
    const clock = settable(1_000);
    await body(createMemoryStore(clock), clock);
  },
  async scoped(body) {
    const clock = settable(1_000);
    const store = createMemoryStore(clock);
    // Neighbours with the same spaces and keys must never be seen or touched.
    const near = ['m-', 'm-1', 'm-11', 'm-2']
      .filter((scope) => scope !== 'm-1')
      .map((scope) => scopedStore(store, scope));
    for (const one of near) await one.commit(['k', 'a', 'b'].map((key) => ({ space: 's', key, put: 'near' })));
    // The contract asks the owner of the store to sweep.
    await body({ ...scopedStore(store, 'm-1'), sweep: () => store.sweep() }, clock);
    for (const one of near) {
      assert.deepEqual(
        (await one.list('s')).map(({ value }) => value),
        ['near', 'near', 'near'],
      );
    }
  },
  async lmdb(body) {
    const path = mkdtempSync(join(tmpdir(), 'gba-store-'));
    const clock = settable(1_000);
    const store = openLmdbStore(path, clock);
    try {
      await body(store, clock);
    } finally {
      await store.close();
      rmSync(path, { recursive: true });
    }
  },
};

for (const [driver, withStore] of Object.entries(drivers)) {
  test(`${driver}: an absent record is undefined, a written one comes back with version 1`, () =>
    withStore(async (store) => {
      assert.equal(await store.get('s', 'k'), undefined);
      assert.equal(await store.commit([{ space: 's', key: 'k', put: { a: [1, 'ä'] } }]), true);
      assert.deepEqual(await store.get('s', 'k'), { key: 'k', value: { a: [1, 'ä'] }, version: 1 });
      assert.equal(await store.get('t', 'k'), undefined);
    }));

  test(`${driver}: a commit is all or nothing`, () =>
    withStore(async (store) => {
      await store.commit([{ space: 's', key: 'a', put: 1 }]);
      const done = await store.commit([
        { space: 's', key: 'b', put: 2 },
        { space: 's', key: 'a', expect: 7, put: 3 },
      ]);
      assert.equal(done, false);
      assert.equal(await store.get('s', 'b'), undefined);
      assert.equal((await store.get('s', 'a'))?.value, 1);
    }));

  test(`${driver}: of many writers that expect the same version exactly one wins`, () =>
    withStore(async (store) => {
      const tries = Array.from({ length: 50 }, (_, i) => store.commit([{ space: 's', key: 'k', expect: 0, put: i }]));
      assert.equal((await Promise.all(tries)).filter(Boolean).length, 1);
      const next = Array.from({ length: 50 }, (_, i) => store.commit([{ space: 's', key: 'k', expect: 1, put: i }]));
      assert.equal((await Promise.all(next)).filter(Boolean).length, 1);
      assert.equal((await store.get('s', 'k'))?.version, 2);
    }));

  test(`${driver}: an expired record is absent for get, list and expect, before any sweep`, () =>
    withStore(async (store, clock) => {
      await store.commit([{ space: 's', key: 'k', put: 1, expiresAt: 2_000 }]);
      assert.equal((await store.get('s', 'k'))?.expiresAt, 2_000);
      clock.at = 2_000;
      assert.equal(await store.get('s', 'k'), undefined);
      assert.deepEqual(await store.list('s'), []);
      assert.equal(await store.commit([{ space: 's', key: 'k', expect: 1, put: 2 }]), false);
      assert.equal(await store.commit([{ space: 's', key: 'k', expect: 0, put: 3 }]), true);
      assert.deepEqual(await store.get('s', 'k'), { key: 'k', value: 3, version: 1 });
    }));

  test(`${driver}: sweep removes what has expired and nothing else`, () =>
    withStore(async (store, clock) => {
      await store.commit([
        { space: 's', key: 'a', put: 1, expiresAt: 1_500 },
        { space: 's', key: 'b', put: 2, expiresAt: 5_000 },
        { space: 's', key: 'c', put: 3 },
      ]);
      clock.at = 3_000;
      assert.equal(await store.sweep(), 1);
      assert.equal(await store.sweep(), 0);
      assert.deepEqual(
        (await store.list('s')).map((entry) => entry.key),
        ['b', 'c'],
      );
    }));

  test(`${driver}: delete works, conditionally too`, () =>
    withStore(async (store) => {
      await store.commit([{ space: 's', key: 'k', put: 1 }]);
      assert.equal(await store.commit([{ space: 's', key: 'k', expect: 9, delete: true }]), false);
      assert.equal(await store.commit([{ space: 's', key: 'k', expect: 1, delete: true }]), true);
      assert.equal(await store.get('s', 'k'), undefined);
    }));

  test(`${driver}: list is ordered, by prefix, paged, and does not leak into other spaces`, () =>
    withStore(async (store) => {
      const keys = ['b/2', 'a', 'b/1', 'b/10', 'c', 'b'];
      await store.commit([
        ...keys.map((key) => ({ space: 's', key, put: key })),
        { space: 'r', key: 'b/0', put: 0 },
        { space: 't', key: 'b/3', put: 0 },
      ]);
      const names = async (options: Parameters<Store['list']>[1]) => (await store.list('s', options)).map((e) => e.key);
      assert.deepEqual(await names({}), ['a', 'b', 'b/1', 'b/10', 'b/2', 'c']);
      assert.deepEqual(await names({ prefix: 'b/' }), ['b/1', 'b/10', 'b/2']);
      assert.deepEqual(await names({ prefix: 'b/', limit: 1 }), ['b/1']);
      assert.deepEqual(await names({ prefix: 'b/', after: 'b/1' }), ['b/10', 'b/2']);
      assert.deepEqual(await names({ after: 'b/2' }), ['c']);
      assert.deepEqual(await names({ prefix: 'x' }), []);
    }));

  test(`${driver}: what was handed out or in cannot change the record`, () =>
    withStore(async (store) => {
      const value = { list: [1] };
      await store.commit([{ space: 's', key: 'k', put: value }]);
      value.list.push(2);
      const read = await store.get<{ list: number[] }>('s', 'k');
      read?.value.list.push(3);
      assert.deepEqual((await store.get('s', 'k'))?.value, { list: [1] });
    }));

  test(`${driver}: names that a driver could misread are refused`, () =>
    withStore(async (store) => {
      for (const [space, key] of [
        ['S', 'k'],
        ['s/t', 'k'],
        ['s', ''],
        ['s', 'a\u0000b'],
        ['s', 'x'.repeat(513)],
        ['s', 'half a pair \ud800'],
      ] as const) {
        await assert.rejects(store.commit([{ space, key, put: 1 }]), { code: 'store-name-invalid' });
      }
    }));

  test(`${driver}: a key that could never be written is absent, not a failure`, () =>
    withStore(async (store) => {
      for (const key of ['', 'a\u0000b', 'x'.repeat(5_000)]) {
        assert.equal(await store.get('s', key), undefined);
        if (key !== '') assert.deepEqual(await store.list('s', { prefix: key }), []);
        await store.list('s', { after: key });
      }
    }));

  test(`${driver}: a value that JSON cannot say is refused, and nothing of its commit is written`, () =>
    withStore(async (store) => {
      const circular: Record<string, unknown> = {};
      circular['self'] = circular;
      for (const bad of [
        { space: 's', key: 'b', put: 10n },
        { space: 's', key: 'b', put: circular },
        { space: 's', key: 'b', put: () => 1 },
        { space: 's', key: 'b', put: 1, expiresAt: Number.NaN },
      ]) {
        const refused = store.commit([{ space: 's', key: 'a', put: 1 }, bad]);
        await assert.rejects(refused, { code: 'store-value-invalid' });
      }
      assert.deepEqual(await store.list('s'), []);
    }));

  test(`${driver}: an operation that only expects is a condition and writes nothing`, () =>
    withStore(async (store) => {
      await store.commit([{ space: 's', key: 'a', put: 1 }]);
      const write = { space: 's', key: 'b', put: 2 };
      assert.equal(await store.commit([{ space: 's', key: 'a', expect: 2 }, write]), false);
      assert.equal(await store.commit([{ space: 's', key: 'a', expect: 1 }, write]), true);
      assert.equal((await store.get('s', 'a'))?.version, 1);
    }));

  test(`${driver}: keys stand in the order of their UTF-8 octets, paging by prefix too`, () =>
    withStore(async (store) => {
      const keys = ['z', '\u00e4', '\ufffe', '\u{1f600}1', '\u{1f600}2'];
      await store.commit([...keys].reverse().map((key) => ({ space: 's', key, put: 1 })));
      const names = async (options: Parameters<Store['list']>[1]) => (await store.list('s', options)).map((e) => e.key);
      assert.deepEqual(await names({}), keys);
      assert.deepEqual(await names({ prefix: '\u{1f600}', after: '\ufffd' }), ['\u{1f600}1', '\u{1f600}2']);
      assert.deepEqual(await names({ prefix: '\u{1f600}', after: '\u{1f600}1' }), ['\u{1f600}2']);
      assert.deepEqual(await names({ prefix: 'z', after: '\u00e4' }), []);
    }));

  test(`${driver}: pages put together are the whole list, each record once`, () =>
    withStore(async (store) => {
      const keys = Array.from({ length: 25 }, (_, i) => `p/${String(i).padStart(2, '0')}`);
      await store.commit(keys.map((key) => ({ space: 's', key, put: key })));
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await store.list('s', { prefix: 'p/', limit: 7, ...(after === undefined ? {} : { after }) });
        seen.push(...page.map((entry) => entry.key));
        if (page.length < 7) break;
      }
      assert.deepEqual(seen, keys);
    }));

  test(`${driver}: a counter raised by compare-and-set from many sides loses no step`, () =>
    withStore(async (store) => {
      const raise = async (): Promise<void> => {
        for (;;) {
          const now = await store.get<number>('s', 'n');
          const put = (now?.value ?? 0) + 1;
          if (await store.commit([{ space: 's', key: 'n', expect: now?.version ?? 0, put }])) return;
        }
      };
      await Promise.all(Array.from({ length: 20 }, raise));
      assert.equal((await store.get('s', 'n'))?.value, 20);
    }));
}

test('lmdb: records survive closing and opening again', async () => {
  const path = mkdtempSync(join(tmpdir(), 'gba-store-'));
  const config = storeConfigSchema.parse({ driver: 'lmdb', path });
  const first = await openStore(config, settable(1));
  await first.commit([{ space: 's', key: 'k', put: 'kept' }]);
  await first.close();
  const second = await openStore(config, settable(1));
  assert.deepEqual(await second.get('s', 'k'), { key: 'k', value: 'kept', version: 1 });
  await second.close();
  rmSync(path, { recursive: true });
});

test('lmdb: what a killed process had committed is there, what it had refused is not', () => {
  const path = mkdtempSync(join(tmpdir(), 'gba-store-'));
  const script = `
    import { openLmdbStore } from ${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)};
    const store = openLmdbStore(${JSON.stringify(path)}, { now: () => 1 });
    await store.commit([{ space: 's', key: 'a', put: 1 }, { space: 's', key: 'b', put: 2 }]);
    await store.commit([{ space: 's', key: 'a', put: 9 }, { space: 's', key: 'c', expect: 5, put: 3 }]);
    process.kill(process.pid, 'SIGKILL');`;
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
  assert.equal(run.signal, 'SIGKILL', run.stderr.toString());
  const store = openLmdbStore(path, settable(1));
  return store
    .list('s')
    .then((entries) => assert.deepEqual(Object.fromEntries(entries.map((e) => [e.key, e.value])), { a: 1, b: 2 }))
    .finally(() => store.close())
    .finally(() => rmSync(path, { recursive: true }));
});

test('lmdb: a folder that cannot be made is a clear refusal', () => {
  assert.throws(() => openLmdbStore('/dev/null/store', settable(1)), { code: 'store-unavailable' });
});

test('lmdb: a disk that takes no more is a typed refusal; the process lives and what was there stays', () => {
  const path = mkdtempSync(join(tmpdir(), 'gba-store-'));
  const script = `
    import { openLmdbStore } from ${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)};
    const store = openLmdbStore(${JSON.stringify(path)}, { now: () => 1 });
    const put = (key, value) => store.commit([{ space: 's', key, put: value }]);
    await put('small', 1);
    const big = await put('big', 'x'.repeat(4_000_000)).then(() => 'written', (error) => error.code);
    await put('small', 2);
    await new Promise((resolve) => setImmediate(resolve));
    console.log(big, (await store.list('s')).map(({ key, value }) => key + value).join());`;
  const node = `exec '${process.execPath}' --import tsx --input-type=module -e "$1"`;
  const run = spawnSync('sh', ['-c', `trap '' XFSZ; ulimit -f 2000; ${node}`, 'sh', script]);
  rmSync(path, { recursive: true });
  assert.equal(run.stdout.toString(), 'store-unavailable small2\n', run.stderr.toString());
});
