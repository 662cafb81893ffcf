import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { open } from 'lmdb';
import { openLmdbStore, openStore, storeConfigSchema } from '../../src/store/index.ts';
import { settable } from './support.ts';

async function withFolder(body: (path: string) => unknown): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'gba-store-'));
  try {
    await body(path);
  } finally {
    rmSync(path, { recursive: true });
  }
}

/** As the library itself writes: what stands in a store of another version. */
async function writeRaw(path: string, records: readonly [string, string, object][]): Promise<void> {
  const db = open<object, [string, string]>({ path, noSubdir: false, encoding: 'msgpack' });
  for (const [space, key, stored] of records) await db.put([space, key], stored);
  await db.close();
}

test('a folder that cannot be made is a clear refusal', () => {
  assert.throws(() => openLmdbStore('/dev/null/store', settable(1)), { code: 'store-unavailable' });
});

test('a store that a newer version has written is refused and left alone', () =>
  withFolder(async (path) => {
    await writeRaw(path, [['', 'format', { json: '{"format":2}', version: 1 }]]);
    for (const _ of [1, 2]) assert.throws(() => openLmdbStore(path, settable(1)), { code: 'store-version-unknown' });
  }));

test('a store of format 0 is opened as it is, and its versions are never given again', () =>
  withFolder(async (path) => {
    const lasting = ['s', 'a', { json: '{"n":1}', version: 7 }] as const;
    await writeRaw(path, [[...lasting], ['s', 'b', { json: '2', version: 41, expiresAt: 5_000 }]]);
    for (const _ of ['migrates', 'finds it done']) {
      const store = openLmdbStore(path, settable(1_000));
      assert.deepEqual(await store.list('s'), [
        { key: 'a', value: { n: 1 }, version: 7 },
        { key: 'b', value: 2, version: 41, expiresAt: 5_000 },
      ]);
      await store.close();
    }
    const store = openLmdbStore(path, settable(5_000));
    assert.equal(await store.sweep(), 1);
    await store.commit([{ space: 's', key: 'a', expect: 7, put: 2 }]);
    await store.commit([{ space: 's', key: 'b', put: 3 }]);
    assert.deepEqual(
      (await store.list('s')).map(({ version }) => version),
      [42, 43],
    );
    await store.close();
  }));

test('records and the last version survive closing and opening again', () =>
  withFolder(async (path) => {
    const config = storeConfigSchema.parse({ driver: 'lmdb', path });
    const first = await openStore(config, settable(1));
    await first.commit([{ space: 's', key: 'k', put: 'kept' }]);
    await first.commit([{ space: 's', key: 'l', put: 1 }]);
    await first.commit([{ space: 's', key: 'l', delete: true }]);
    await first.close();
    const second = await openStore(config, settable(1));
    assert.deepEqual(await second.get('s', 'k'), { key: 'k', value: 'kept', version: 1 });
    await second.commit([{ space: 's', key: 'l', put: 2 }]);
    assert.equal((await second.get('s', 'l'))?.version, 3);
    await second.close();
  }));

test('what a killed process had committed is there, what it had refused is not', () =>
  withFolder(async (path) => {
    const script = `
    import { openLmdbStore } from ${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)};
    const store = openLmdbStore(${JSON.stringify(path)}, { now: () => 1 });
    await store.commit([{ space: 's', key: 'a', put: 1 }, { space: 's', key: 'b', put: 2 }]);
    await store.commit([{ space: 's', key: 'a', put: 9 }, { space: 's', key: 'c', expect: 5, put: 3 }]);
    process.kill(process.pid, 'SIGKILL');`;
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    assert.equal(run.signal, 'SIGKILL', run.stderr.toString());
    const store = openLmdbStore(path, settable(1));
    const entries = await store.list('s');
    await store.close();
    assert.deepEqual(Object.fromEntries(entries.map((e) => [e.key, e.value])), { a: 1, b: 2 });
  }));

test('a disk that takes no more is a typed refusal; the process lives and what was there stays', () =>
  withFolder((path) => {
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
    assert.equal(run.stdout.toString(), 'store-unavailable small2\n', run.stderr.toString());
  }));
