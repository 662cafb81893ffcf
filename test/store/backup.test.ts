import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { createSealer, SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import {
  checkStore,
  compareWithBackup,
  confirmRestored,
  createMemoryStore,
  exportStore,
  importStore,
  openStore,
  restoredMark,
  type Store,
  type StoreConfig,
  type StoreKind,
  space,
} from '../../src/store/index.ts';
import { type PostgresServer, postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { anyKind, backupKey, postgresConfig, settable } from './support.ts';

/** Past for every clock, also that of another process. */
const START = Date.UTC(2025, 0, 1);
const dir = mkdtempSync(join(tmpdir(), 'gba-backup-'));
let server: PostgresServer | undefined;
let number = 0;
const ACCOUNTS = Array.from({ length: 400 }, (_, i) => `a${String(i).padStart(3, '0')}`);

before(async () => {
  if (postgresOrSkip.skip === undefined) server = await startPostgres();
});
after(async () => {
  await server?.stop();
  rmSync(dir, { recursive: true });
});

const newFile = (): string => join(dir, `backup-${number++}`);
const empty: Readonly<Record<'lmdb' | 'postgres', () => StoreConfig>> = {
  lmdb: () => ({ driver: 'lmdb', path: join(dir, `store-${number++}`) }),
  postgres: () => postgresConfig(server?.socketUrl ?? '', { schema: `s${number++}` }),
};
const DRIVERS = ['lmdb', 'postgres'] as const;
const skipOf = (...drivers: string[]) => (drivers.includes('postgres') ? postgresOrSkip : {});

const common = { fn: 'hss', kind: anyKind, key: backupKey() };
const toFile = (store: StoreConfig, clock: { now(): number }, file = newFile()) =>
  exportStore({ ...common, key: backupKey(), store, clock, random: systemRandom, file });
const fromFile = (store: StoreConfig, clock: { now(): number }, file: string, kind: StoreKind = anyKind) =>
  importStore({ ...common, key: backupKey(), kind, store, clock, file });

async function withStore<T>(config: StoreConfig, clock: { now(): number }, work: (store: Store) => Promise<T>) {
  const store = await openStore(config, clock);
  return await work(store).finally(() => store.close());
}

/** What any program wrote: odd keys, a large value, one that ends. */
async function fill(config: StoreConfig, clock: { now(): number }): Promise<void> {
  await withStore(config, clock, async (store) => {
    const keys = ['a', 'a/1', 'a-', 'Ä', '\u{1f600}', '\uffff', 'z'.repeat(512)];
    await store.commit([
      ...keys.map((key) => ({ space: 's', key, put: { key, text: 'quote " and \\ and \n' } })),
      { space: 's', key: 'large', put: 'x'.repeat(300_000) },
      { space: 's', key: 'ends', put: 1, expiresAt: START + 60_000.5 },
      { space: 's', key: 'over', put: 1, expiresAt: START - 1 },
      { space: 't', key: 'a', put: null },
    ]);
  });
}

for (const from of DRIVERS) {
  for (const to of DRIVERS) {
    test(
      `${from} to ${to}: every live record comes back, with what it was and when it ends`,
      skipOf(from, to),
      async () => {
        const clock = settable(START);
        const [source, target] = [empty[from](), empty[to]()];
        await fill(source, clock);
        const made = await toFile(source, clock);
        assert.deepEqual([made.total, made.records], [10, { s: 9, t: 1 }]);
        clock.at += 1_000;
        const done = await fromFile(target, clock, made.file);
        assert.equal(done.digest, made.digest);
        assert.equal(done.leftOut, 0);
        await withStore(source, clock, (one) =>
          withStore(target, clock, async (other) => {
            for (const name of ['s', 't']) {
              const bare = async (store: Store) => (await store.list(name)).map(({ version: _, ...entry }) => entry);
              assert.deepEqual(await bare(other), await bare(one));
            }
            assert.deepEqual(await restoredMark(other), { v: 1, madeAt: START, restoredAt: START + 1_000 });
            assert.ok((await confirmRestored(other, anyKind)) !== undefined);
            assert.equal(await restoredMark(other), undefined);
            assert.equal(await confirmRestored(other, anyKind), undefined);
          }),
        );
        assert.equal((await checkStore({ ...common, store: target, clock })).digest, made.digest);
        const compared = await compareWithBackup(target, clock, { file: made.file, key: backupKey() });
        assert.deepEqual(compared, { same: 10, changed: 0, gone: 0, added: 0 });
      },
    );
  }

  test(
    `${from}: a version is never given twice for a key, also by a store that is restored twice from one old backup`,
    skipOf(from),
    async () => {
      const clock = settable(START);
      const config = empty[from]();
      const given = new Set<number>();
      const change = async (store: Store, key: string): Promise<void> => {
        await store.commit([{ space: 's', key, put: given.size }]);
        const version = (await store.get('s', key))?.version ?? 0;
        assert.equal(given.has(version), false, `${key} has version ${version} again`);
        given.add(version);
      };
      await withStore(config, clock, async (store) => {
        for (const key of ['a', 'b', 'c']) await change(store, key);
        await store.commit([{ space: 's', key: 'b', delete: true }]);
      });
      const { file } = await toFile(config, clock);
      await withStore(config, clock, async (store) => {
        for (let i = 0; i < 50; i++) await change(store, 'abc'.charAt(i % 3));
      });
      for (let round = 0; round < 3; round++) {
        clock.at += 1;
        const next = empty[from]();
        await fromFile(next, clock, file);
        await withStore(next, clock, async (store) => {
          for (const { key, version } of await store.list('s')) {
            assert.equal(given.has(version), false, `${key} comes back with a version that was given`);
            given.add(version);
            assert.ok(Number.isSafeInteger(version));
            // Who knows what the lost store said expects nothing here.
            for (const known of [1, 2, 3, 20, 53]) {
              assert.equal(await store.commit([{ space: 's', key, expect: known, put: 'stale' }]), false);
            }
          }
          for (let i = 0; i < 30; i++) await change(store, 'abcd'.charAt(i % 4));
        });
      }
    },
  );

  test(`${from}: a store that has a record is left as it is; what has expired is nothing`, skipOf(from), async () => {
    const clock = settable(START);
    const source = empty[from]();
    await fill(source, clock);
    const { file } = await toFile(source, clock);
    const target = empty[from]();
    await withStore(target, clock, async (store) => {
      await store.commit([{ space: 's', key: 'mine', put: 1 }]);
      await store.commit([{ space: 's', key: 'over', put: 1, expiresAt: START + 10 }]);
    });
    await assert.rejects(fromFile(target, clock, file), { code: 'store-not-empty' });
    await withStore(target, clock, async (store) => {
      assert.deepEqual(
        (await store.list('s')).map(({ key }) => key),
        ['mine', 'over'],
      );
      await store.commit([{ space: 's', key: 'mine', delete: true }]);
    });
    await assert.rejects(fromFile(target, clock, file), { code: 'store-not-empty' });
    clock.at += 10;
    await fromFile(target, clock, file);
    await withStore(target, clock, async (store) => assert.equal((await store.list('s')).length, 9));
    await assert.rejects(fromFile(target, clock, file), { code: 'store-not-empty' }, 'a second time');
  });

  test(`${from}: what has ended since, is not to come back, or is not wanted, is left out`, skipOf(from), async () => {
    const clock = settable(START);
    const [source, target] = [empty[from](), empty[from]()];
    await fill(source, clock);
    const { file } = await toFile(source, clock);
    clock.at += 61_000;
    const only = z.unknown();
    const kind: StoreKind = {
      spaces: {
        s: space(only, { restore: (value, times, key) => (key === 'large' ? undefined : { value, ...times }) }),
        t: space(only),
      },
    };
    const leaveOut = new Set(['s/a', 't/a']);
    const options = { ...common, key: backupKey(), kind, store: target, clock, file };
    await assert.rejects(importStore({ ...options, leaveOut: new Set(['s/nobody']) }), { code: 'record-unknown' });
    const done = await importStore({ ...options, leaveOut });
    assert.deepEqual([done.total, done.leftOut], [6, 4]);
    await withStore(target, clock, async (store) => {
      assert.equal((await store.get<{ madeAt: number }>('s', 'a-'))?.value.madeAt, START);
      for (const key of ['a', 'large', 'ends']) assert.equal(await store.get('s', key), undefined, key);
    });
  });

  test(
    `${from}: another function's backup, another sealing key, a wrong record or a clock that is behind change nothing`,
    skipOf(from),
    async () => {
      const clock = settable(START);
      const [source, target] = [empty[from](), empty[from]()];
      const sealerOf = (octet: number) => createSealer(SecretKey.adopt(Buffer.alloc(32, octet)), systemRandom);
      const sealed = sealerOf(1).seal(Buffer.from('secret'), 's k');
      await withStore(source, clock, (store) => store.commit([{ space: 's', key: 'k', put: { sealed } }]));
      const { file } = await toFile(source, clock);
      const kind: StoreKind = {
        spaces: {
          s: space<{ sealed: string }>(z.strictObject({ sealed: z.string() }), {
            seals: (key, value) => [{ sealed: value.sealed, context: `s ${key}` }],
          }),
        },
      };
      const options = { ...common, key: backupKey(), kind, store: target, clock, file, sealer: sealerOf(1) };
      const refused = (change: Partial<Parameters<typeof importStore>[0]>, code: string) =>
        assert.rejects(importStore({ ...options, ...change }), { code });
      await refused({ fn: 'sho' }, 'backup-of-another');
      await refused({ sealer: sealerOf(2) }, 'seal-broken');
      await refused({ key: SecretKey.adopt(Buffer.alloc(32, 8)) }, 'backup-key-wrong');
      await refused({ kind: { spaces: { s: space(z.string()) } } }, 'record-invalid');
      await refused({ kind: { spaces: {} } }, 'space-unknown');
      await refused({ clock: settable(START - 1) }, 'clock-wrong');
      await refused({ kind: { spaces: {}, noBackup: 'never' } }, 'backup-refused');
      await refused({ file: join(dir, 'none') }, 'file-unreadable');
      await assert.rejects(checkStore({ ...options, store: empty[from]() }), { code: 'store-absent' });
      const look = await checkStore({ ...options, store: source, sealer: sealerOf(2) });
      assert.deepEqual([look.faults, look.told[0]?.code], [1, 'seal-broken']);
      await importStore(options);
      const good = await checkStore({ ...options, store: target });
      assert.deepEqual([good.faults, good.total], [0, 2]);
    },
  );

  test(`${from}: a backup made while another process writes is of one moment`, skipOf(from), async () => {
    const source = empty[from]();
    await withStore(source, systemClock, async (store) => {
      await store.commit(ACCOUNTS.map((key) => ({ space: 's', key, put: 100 })));
      for (let i = 0; i < 40; i++) {
        const filler = Array.from({ length: 500 }, (_, j) => `x${i * 500 + j}`);
        await store.commit(filler.map((key) => ({ space: 's', key, put: 'x'.repeat(300) })));
      }
    });
    const writer = startWriter(source);
    const store = await openStore(source, systemClock);
    try {
      const linesNow = async () => (await store.list('t')).length;
      const later = async (lines: number) => {
        while ((await linesNow()) < lines) await new Promise((resolve) => setImmediate(resolve));
      };
      for (let round = 0; round < 3; round++) {
        await later((await linesNow()) + 50);
        const before = await linesNow();
        const { file } = await toFile(source, systemClock);
        // A look of this process may be as old as its turn of the event loop.
        await new Promise((resolve) => setImmediate(resolve));
        const after = await linesNow();
        const into = empty[from]();
        await fromFile(into, systemClock, file);
        const [accounts, lines] = await withStore(into, systemClock, async (copy) => [
          (await copy.list<number>('s', { prefix: 'a' })).map(({ key, value }) => [key, value]),
          await copy.list<{ a: string; b: string }>('t'),
        ]);
        const expected = new Map(ACCOUNTS.map((name) => [name, 100]));
        for (const { value } of lines) {
          expected.set(value.a, (expected.get(value.a) ?? 0) - 1);
          expected.set(value.b, (expected.get(value.b) ?? 0) + 1);
        }
        assert.deepEqual(accounts, [...expected], 'lines and accounts are of one moment');
        assert.ok(lines.length >= before, 'what was acknowledged before is in it');
        assert.ok(after > before, 'the writer went on meanwhile');
      }
    } finally {
      await store.close();
      await writer.stop();
    }
  });

  test(`${from}: an import that is killed leaves an empty store, or a whole one`, skipOf(from), async () => {
    const clock = settable(START);
    const source = empty[from]();
    await withStore(source, clock, async (store) => {
      for (let i = 0; i < 10; i++) {
        const keys = Array.from({ length: 500 }, (_, j) => `k${String(i * 500 + j).padStart(5, '0')}`);
        await store.commit(keys.map((key) => ({ space: 's', key, put: 'x'.repeat(200) })));
      }
    });
    const { file } = await toFile(source, clock);
    for (const at of [1, 700, 2_500, 4_999, 5_000]) {
      const target = empty[from]();
      assert.equal(await importKilledAt(target, file, at), 'SIGKILL', `at ${at}`);
      const found = await withStore(target, systemClock, async (store) => (await store.list('s')).length);
      assert.equal(found, 0, `killed at ${at}`);
      assert.equal((await fromFile(target, systemClock, file)).total, 5_000);
    }
    const target = empty[from]();
    assert.equal(await importKilledAt(target, file, 5_001), null);
    assert.equal((await checkStore({ ...common, store: target, clock: systemClock })).total, 5_001);
  });
}

/**
 * A process that moves one from an account to another, far away in the order, and writes a line of its own about it, all in one
 * commit, until it is stopped.
 */
function startWriter(config: StoreConfig): { stop(): Promise<void> } {
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)};
    const [config, names] = JSON.parse(process.argv[1]);
    const store = await openStore(config, { now: () => Date.now() });
    let stopped = false;
    process.on('SIGTERM', () => { stopped = true; });
    const lane = async (lane) => {
      for (let i = 0; !stopped; i++) {
        const [a, b] = [names[(lane * 37 + i * 91) % 400], names[(lane * 53 + i * 17 + 200) % 400]];
        if (a === b) continue;
        const [from, to] = [await store.get('s', a), await store.get('s', b)];
        await store.commit([
          { space: 's', key: a, expect: from.version, put: from.value - 1 },
          { space: 's', key: b, expect: to.version, put: to.value + 1 },
          { space: 't', key: lane + '/' + String(i).padStart(6, '0'), put: { a, b } },
        ]);
      }
    };
    await Promise.all([0, 1, 2, 3].map(lane));
    await store.close();`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, JSON.stringify([config, ACCOUNTS])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return {
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** An import in a process of its own, which ends itself by SIGKILL when it has come to this record of the second pass. */
function importKilledAt(store: StoreConfig, file: string, at: number): Promise<NodeJS.Signals | null> {
  const script = `
    import { importStore } from ${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)};
    import { systemClock } from ${JSON.stringify(new URL('../../src/base/index.ts', import.meta.url).href)};
    import { anyKind, backupKey } from ${JSON.stringify(new URL('./support.ts', import.meta.url).href)};
    const [store, file, at] = JSON.parse(process.argv[1]);
    const progress = (n) => n === at && process.kill(process.pid, 'SIGKILL');
    await importStore({ fn: 'hss', kind: anyKind, key: backupKey(), clock: systemClock, store, file, progress });`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script, JSON.stringify([store, file, at])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
}

test('a copy that has been standing is of the time that is said, which is no time to come', async () => {
  const clock = settable(START);
  const store = empty.lmdb();
  await fill(store, clock);
  clock.at += 5_000;
  const options = { ...common, key: backupKey(), store, clock, random: systemRandom };
  const made = await exportStore({ ...options, file: newFile(), asOf: START + 10.5 });
  assert.equal(made.madeAt, START + 10);
  assert.equal((await fromFile(empty.lmdb(), clock, made.file)).madeAt, START + 10);
  await assert.rejects(exportStore({ ...options, file: newFile(), asOf: START + 9_000 }), { code: 'clock-wrong' });
});

test('a store in memory has no backup and takes none', async () => {
  const clock = settable(START);
  const memory = { driver: 'memory' } as const;
  await assert.rejects(toFile(memory, clock), { code: 'store-in-memory' });
  const source = empty.lmdb();
  await fill(source, clock);
  const { file } = await toFile(source, clock);
  await assert.rejects(fromFile(memory, clock, file), { code: 'store-in-memory' });
  await createMemoryStore(clock).close();
});

test('a comparison tells what is the same, changed, gone and added', async () => {
  const clock = settable(START);
  const config = empty.lmdb();
  const put = (key: string, value: unknown, more = {}) => ({ space: 's', key, put: value, ...more });
  await withStore(config, clock, (store) =>
    store.commit([put('b', 1), put('c', 1), put('d', 1, { expiresAt: START + 100 }), put('f', 1), put('g', 1)]),
  );
  const { file } = await toFile(config, clock);
  await withStore(config, clock, (store) =>
    store.commit([put('a', 1), put('c', 2), { space: 's', key: 'f', delete: true }, put('h', 1)]),
  );
  const key = backupKey();
  assert.deepEqual(await compareWithBackup(config, clock, { file, key }), { same: 3, changed: 1, gone: 1, added: 2 });
  clock.at += 200;
  assert.deepEqual(await compareWithBackup(config, clock, { file, key }), { same: 2, changed: 1, gone: 1, added: 2 });
});
