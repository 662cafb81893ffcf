import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/base/index.ts';
import { openLmdbStore, openStore, type StoreConfig } from '../../src/store/index.ts';
import { HSS, dir as hssDir, IMPI, keyFile, pki, startTestHss, writeKeyFile } from '../hss/support.ts';
import { postgresConfig } from '../store/support.ts';
import { type PostgresServer, postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { gba } from './process.ts';

const dir = mkdtempSync(join(hssDir, 'cli-'));
const backupKey = writeKeyFile('backup-key');
const backup = join(dir, 'hss.backup');
const lmdb: StoreConfig = { driver: 'lmdb', path: join(dir, 'store') };
let server: PostgresServer | undefined;

function configFile(name: string, store: object, change: object = {}): string {
  const path = join(dir, name);
  const config = {
    name: HSS,
    sbi: { port: 0 },
    tls: pki.files(HSS),
    clients: { av: [], admin: [] },
    store,
    keyFile,
    ...change,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}
const running = configFile('running.json', lmdb);
const json = <T>(out: string): T => JSON.parse(out) as T;
const seqOf = async (store: StoreConfig): Promise<number> => {
  const opened = await openStore(store, systemClock);
  const entry = await opened.get<{ sqn: { seq: number } }>('subscriber', IMPI).finally(() => opened.close());
  return entry?.value.sqn.seq ?? 0;
};
const take = ['--in', backup, '--key', backupKey];

before(async () => {
  if (postgresOrSkip.skip === undefined) server = await startPostgres();
});
after(() => server?.stop());

test('export while the HSS serves: of one moment, whole, and the service goes on', async () => {
  const store = openLmdbStore(lmdb.driver === 'lmdb' ? lmdb.path : '', systemClock);
  const hss = await startTestHss({ store, now: systemClock.now() });
  await hss.provision();
  for (let i = 0; i < 50; i++) await hss.provision({}, `${i}@ims.mnc001.mcc001.3gppnetwork.org`);
  let [serving, vectors] = [true, 0];
  const load = (async () => {
    for (; serving; vectors++) await hss.vector();
  })();
  const before = vectors;
  const done = await gba([
    'store',
    'export',
    'hss',
    '--config',
    running,
    '--out',
    backup,
    '--key',
    backupKey,
    '--json',
  ]);
  serving = false;
  await load;
  assert.equal(done.code, 0, done.err);
  assert.ok(vectors > before + 10, `${vectors - before} vectors meanwhile`);
  await hss.close();
  await store.close();
  const summary = json<Record<string, unknown>>(done.out);
  assert.deepEqual(
    { ...summary, octets: 0, madeAt: '', digest: '' },
    {
      fn: 'hss',
      driver: 'lmdb',
      file: backup,
      octets: 0,
      madeAt: '',
      records: { subscriber: 51 },
      total: 51,
      digest: '',
    },
  );
  assert.equal(summary['octets'], statSync(backup).size);
  assert.match(String(summary['digest']), /^[0-9a-f]{64}$/);
  assert.equal(statSync(backup).mode & 0o777, 0o600);
  assert.equal(
    (await gba(['store', 'export', 'hss', '--config', running, '--out', backup, '--key', backupKey])).code,
    1,
  );

  const checked = await gba(['store', 'check', ...take, '--json']);
  assert.equal(checked.code, 0, checked.err);
  assert.equal(json<{ backup: { digest: string } }>(checked.out).backup.digest, summary['digest']);
  const compared = await gba(['store', 'check', 'hss', '--config', running, ...take, '--json']);
  const { ok, ...parts } = json<{ ok: boolean; compared: object; store: { faults: number } }>(compared.out);
  assert.deepEqual([ok, parts.store.faults], [true, 0]);
  assert.deepEqual(parts.compared, { same: 50, changed: 1, gone: 0, added: 0 });
});

test('import into PostgreSQL, a look by doctor, check and confirm; numbers have gone on', postgresOrSkip, async () => {
  const store = postgresConfig(server?.socketUrl ?? '', { schema: 'hss' });
  const config = configFile('postgres.json', store);
  const done = await gba(['store', 'import', 'hss', '--config', config, ...take, '--json']);
  assert.equal(done.code, 0, done.err);
  assert.deepEqual(json<{ records: object }>(done.out).records, { subscriber: 51 });
  assert.ok((await seqOf(store)) > 2 ** 24);

  const again = await gba(['store', 'import', 'hss', '--config', config, ...take]);
  assert.deepEqual([again.code, again.out], [1, '']);
  assert.match(again.err, /^gba: store-not-empty: .*\n$/);

  const looked = await gba(['doctor', 'hss', '--config', config, '--json']);
  assert.match(looked.out, /out of a backup and not confirmed/);
  const text = await gba(['store', 'check', 'hss', '--config', config, ...take]);
  assert.equal(text.code, 0, text.err);
  assert.match(text.out, /^compared: 0 the same, 51 changed, 0 in the backup only, 1 in the store only$/m);
  const confirmed = await gba(['store', 'confirm', 'hss', '--config', config]);
  assert.equal(confirmed.out, 'confirmed, with 51 records that were held back\n');
});

test('a record that is left out, and a text that says what to do next', async () => {
  const store = { driver: 'lmdb', path: join(dir, 'third') } as const;
  const config = configFile('third.json', store);
  const done = await gba(['store', 'import', 'hss', '--config', config, ...take, '--leave-out', `subscriber/${IMPI}`]);
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /^restored: 50 records \(subscriber 50\); 1 left out\n/);
  assert.match(done.out, /gba store confirm hss --config/);
});

test('what is refused is refused with a code, and changes nothing', async () => {
  const store = { driver: 'lmdb', path: join(dir, 'fourth') } as const;
  const config = configFile('fourth.json', store);
  const memory = configFile('memory.json', { driver: 'memory' });
  const otherKey = writeKeyFile('other-key');
  const otherSeal = configFile('seal.json', store, { keyFile: otherKey });
  const broken = join(dir, 'broken');
  const octets = readFileSync(backup);
  octets.writeUInt8(octets.readUInt8(100) ^ 1, 100);
  writeFileSync(broken, octets);
  const out = join(dir, 'out');
  const cases: [string, string[]][] = [
    ['store-in-memory', ['export', 'hss', '--config', memory, '--out', out, '--key', backupKey]],
    ['store-absent', ['export', 'hss', '--config', config, '--out', out, '--key', backupKey]],
    ['backup-key-wrong', ['import', 'hss', '--config', config, '--in', backup, '--key', otherKey]],
    ['backup-broken', ['check', '--in', broken, '--key', backupKey]],
    ['seal-broken', ['import', 'hss', '--config', otherSeal, ...take]],
  ];
  for (const [code, args] of cases) {
    const { code: exit, err, out: text } = await gba(['store', ...args]);
    assert.deepEqual([exit, text], [1, ''], `${code}: ${err}`);
    assert.match(err, new RegExp(`^gba: ${code}: `));
  }
  for (const args of [['check'], ['check', 'hss'], ['export', 'naf']]) {
    assert.equal((await gba(['store', ...args])).code, 2, args.join(' '));
  }
  const opened = await openStore(store, systemClock);
  assert.deepEqual(await opened.list('subscriber'), []);
  await opened.close();
});

test('a store with a record under another sealing key is told by check, with 1', async () => {
  const config = configFile('check.json', lmdb, { keyFile: writeKeyFile('third-key') });
  const { code, out } = await gba(['store', 'check', 'hss', '--config', config, '--json']);
  assert.equal(code, 1);
  const { ok, store } = json<{ ok: boolean; store: { faults: number; told: { code: string }[] } }>(out);
  assert.deepEqual([ok, store.faults, store.told.length, store.told[0]?.code], [false, 51, 20, 'seal-broken']);
});

test('there is no backup of what must not come back', async () => {
  const path = join(dir, 'bsf.json');
  const peer = { url: 'https://127.0.0.1:1', serverName: HSS };
  const common = { tls: pki.files(HSS), keyFile, store: lmdb };
  writeFileSync(
    path,
    JSON.stringify({ ...common, name: 'bsf.test', ub: { port: 0 }, sbi: { port: 0 }, hss: peer, nafs: [] }),
  );
  const { code, err } = await gba([
    'store',
    'export',
    'bsf',
    '--config',
    path,
    '--out',
    join(dir, 'x'),
    '--key',
    backupKey,
  ]);
  assert.equal(code, 1);
  assert.match(err, /^gba: backup-refused: .*bootstrap again\n$/);
});
