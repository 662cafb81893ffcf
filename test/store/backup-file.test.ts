import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { codeOf, SecretKey, systemRandom } from '../../src/base/index.ts';
import { exportStore, openLmdbStore, verifyBackup } from '../../src/store/index.ts';
import { anyKind, backupKey, settable } from './support.ts';

const HEADER = 58;
/** One octet that says whether it is the last, four of length; behind the plaintext 16 of tag. */
const FRAME = 5;
const dir = mkdtempSync(join(tmpdir(), 'gba-backup-'));
after(() => rmSync(dir, { recursive: true }));

let files = 0;
const fresh = (octets: Uint8Array): string => {
  const path = join(dir, `b${files++}`);
  writeFileSync(path, octets);
  return path;
};

async function exported(records: number, size: number): Promise<string> {
  const path = join(dir, `store${files++}`);
  const clock = settable(1_000);
  const store = openLmdbStore(path, clock);
  const put = (i: number) => ({ space: 's', key: `k${String(i).padStart(5, '0')}`, put: `${i} ${'x'.repeat(size)}` });
  await store.commit(Array.from({ length: records }, (_, i) => put(i)));
  await store.close();
  const file = join(dir, `b${files++}`);
  const config = { driver: 'lmdb', path } as const;
  await exportStore({ fn: 'hss', kind: anyKind, store: config, clock, random: systemRandom, key: backupKey(), file });
  return file;
}

/** The code with which a file is refused; 'taken' when it is not. */
function verdict(octets: Uint8Array, key = backupKey()): string {
  const file = fresh(octets);
  try {
    verifyBackup(file, key, () => undefined);
    return 'taken';
  } catch (error) {
    return codeOf(error);
  } finally {
    rmSync(file);
  }
}

/** Where the chunks of a file are. */
function chunksOf(octets: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = HEADER; at < octets.length; ) {
    const end = at + FRAME + octets.readUInt32BE(at + 1) + 16;
    chunks.push(octets.subarray(at, end));
    at = end;
  }
  return chunks;
}

const small = exported(3, 10);
const large = exported(40, 5_000);

test('a backup is read back record by record, and is for its owner alone', async () => {
  const seen: string[] = [];
  const file = await large;
  const { info, tally } = verifyBackup(file, backupKey(), ({ space, key, json }) => {
    seen.push(`${space}/${key} ${json.length}`);
  });
  assert.equal(seen.length, 40);
  assert.equal(seen[39], 's/k00039 5005');
  assert.deepEqual(info, { backup: 'gba-authz store', fn: 'hss', driver: 'lmdb', madeAt: 1_000, lastVersion: 40 });
  assert.deepEqual([tally.total, tally.records], [40, { s: 40 }]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('nothing of the content shows, and two backups of one store have nothing in common but their beginning', async () => {
  const [one, other] = [readFileSync(await small), readFileSync(await exported(3, 10))];
  for (const text of ['xxx', 'k0000', 'lmdb', 'hss']) assert.equal(one.includes(text), false, text);
  assert.equal(one.subarray(0, 10).equals(other.subarray(0, 10)), true);
  assert.equal(one.subarray(10, 42).equals(other.subarray(10, 42)), false);
  assert.equal(one.subarray(HEADER + FRAME).equals(other.subarray(HEADER + FRAME)), false);
});

test('another key is told from a broken file', async () => {
  const octets = readFileSync(await small);
  assert.equal(verdict(octets), 'taken');
  assert.equal(verdict(octets, SecretKey.adopt(Buffer.alloc(32, 9))), 'backup-key-wrong');
});

test('a file that ends anywhere before its end is refused', async () => {
  const octets = readFileSync(await small);
  for (let length = 0; length < octets.length; length++) {
    const expected = length < 8 ? 'backup-none' : 'backup-truncated';
    assert.equal(verdict(octets.subarray(0, length)), expected, `${length} of ${octets.length}`);
  }
  const whole = readFileSync(await large);
  const chunks = chunksOf(whole);
  assert.ok(chunks.length >= 4, 'several pieces');
  for (let kept = 0; kept < chunks.length; kept++) {
    assert.equal(verdict(Buffer.concat([whole.subarray(0, HEADER), ...chunks.slice(0, kept)])), 'backup-truncated');
  }
});

test('a flipped bit is refused, wherever it is', async () => {
  const octets = readFileSync(await small);
  for (let at = 0; at < octets.length; at++) {
    const bent = Buffer.from(octets);
    bent.writeUInt8(bent.readUInt8(at) ^ (1 << (at % 8)), at);
    assert.notEqual(verdict(bent), 'taken', `octet ${at}`);
  }
  const whole = readFileSync(await large);
  for (let at = 0; at < whole.length; at += 1_009) {
    const bent = Buffer.from(whole);
    bent.writeUInt8(bent.readUInt8(at) ^ 0x10, at);
    assert.notEqual(verdict(bent), 'taken', `octet ${at}`);
  }
});

test('pieces swapped, repeated, left out, of another file, or marked as the last, are refused', async () => {
  const whole = readFileSync(await large);
  const header = whole.subarray(0, HEADER);
  const [a, b, c, ...rest] = chunksOf(whole) as [Buffer, Buffer, Buffer, ...Buffer[]];
  const of = (...chunks: Buffer[]): string => verdict(Buffer.concat([header, ...chunks]));
  assert.equal(of(a, b, c, ...rest), 'taken');
  assert.equal(of(b, a, c, ...rest), 'backup-broken');
  assert.equal(of(a, c, b, ...rest), 'backup-broken');
  assert.equal(of(a, a, b, c, ...rest), 'backup-broken');
  assert.equal(of(a, c, ...rest), 'backup-broken');
  assert.equal(of(b, c, ...rest), 'backup-broken');
  const [foreign] = chunksOf(readFileSync(await exported(40, 5_000))) as [Buffer];
  assert.equal(of(foreign, b, c, ...rest), 'backup-broken');
  const last = Buffer.from(b);
  last.writeUInt8(1);
  assert.equal(of(a, last), 'backup-broken');
  const endless = rest.map((chunk) => Buffer.from(chunk));
  endless.at(-1)?.writeUInt8(0);
  assert.equal(of(a, b, c, ...endless), 'backup-broken');
  assert.equal(verdict(Buffer.concat([whole, Buffer.of(0)])), 'backup-broken');
  assert.equal(verdict(Buffer.concat([whole, whole])), 'backup-broken');
});

test('another version of the format is told as such', async () => {
  const octets = Buffer.from(readFileSync(await small));
  octets.writeUInt16BE(2, 8);
  assert.equal(verdict(octets), 'backup-version-unknown');
});

test('a length that no writer makes takes no memory', async () => {
  const octets = Buffer.from(readFileSync(await small));
  octets.writeUInt32BE(0xffff_ffff, HEADER + 1);
  assert.equal(verdict(octets), 'backup-broken');
});

test('a file that is there already is not written over, and what could not be ended is not left behind', async () => {
  const file = await small;
  const before = readFileSync(file);
  const path = join(dir, 'other');
  const clock = settable(1_000);
  const store = openLmdbStore(path, clock);
  await store.commit([{ space: 's', key: 'k', put: 1 }]);
  await store.close();
  const options = { fn: 'hss', kind: anyKind, store: { driver: 'lmdb', path }, clock, random: systemRandom } as const;
  await assert.rejects(exportStore({ ...options, key: backupKey(), file }), { code: 'file-exists' });
  assert.ok(readFileSync(file).equals(before));
  await assert.rejects(exportStore({ ...options, key: backupKey(), file: '/dev/null/b' }), { code: 'file-unwritable' });
  const next = join(dir, 'next');
  copyFileSync(file, `${next}.partial`);
  const progress = () => assert.fail('stopped');
  await assert.rejects(exportStore({ ...options, key: backupKey(), file: next, progress }), { name: 'AssertionError' });
  assert.deepEqual([existsSync(next), existsSync(`${next}.partial`)], [false, false]);
});
