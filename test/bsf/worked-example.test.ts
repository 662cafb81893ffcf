// The worked example of TS 24.109 values in fixed octets: made by an independent script, not by this code.
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog, systemRandom } from '../../src/base/index.ts';
import { bsfConfigSchema, startBsf } from '../../src/bsf/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { send } from '../support/ue.ts';

const IMPI = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';
const BSF = 'bsf.mnc001.mcc001.pub.3gppnetwork.org';
const NONCE = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
const octets = (first: number, length: number) => Buffer.from(Array.from({ length }, (_, i) => first + i));
const COMMON = `username="${IMPI}", realm="${BSF}", nonce="${NONCE}", uri="/", qop=auth-int, nc=00000001, cnonce="0a4f113b0a4f113b", algorithm=AKAv1-MD5`;

test('the worked bootstrapping has its published octets on the wire', async () => {
  const pki = makeTestPki([BSF]);
  const keyFile = join(mkdtempSync(join(tmpdir(), 'gba-ex-')), 'key');
  writeFileSync(keyFile, '11'.repeat(32));
  const clock = { now: () => Date.UTC(2027, 0, 1) };
  const store = createMemoryStore(clock);
  const resyncs: unknown[] = [];
  const avSource = {
    fetch: async ({ resync }: { impi: string; resync?: { rand: Uint8Array; auts: Uint8Array } }) => {
      if (resync !== undefined) resyncs.push(Buffer.from(resync.auts).toString('hex'));
      const rand = resync === undefined ? octets(0, 16) : octets(0x80, 16);
      const keys = { xres: octets(0xa0, 8), ck: octets(0x20, 16), ik: octets(0x30, 16) };
      return { impi: IMPI, rand, autn: octets(0x10, 16), ...keys, uiccType: 'GBA' as const };
    },
  };
  const config = bsfConfigSchema.parse({
    name: BSF,
    ub: { port: 0 },
    sbi: { port: 0 },
    tls: pki.files(BSF),
    hss: { url: 'https://127.0.0.1:1', serverName: 'hss' },
    nafs: [],
    store: { driver: 'memory' },
    keyFile,
  });
  const bsf = await startBsf(config, { clock, random: systemRandom, log: silentLog, store, avSource });
  try {
    const url = `http://127.0.0.1:${bsf.ports.ub}`;
    const ask = (authorization: string) =>
      send(url, { headers: { 'user-agent': 'Client; Release-6; 3gpp-gba-tmpi', authorization } });
    const first = `Digest username="${IMPI}", realm="${BSF}", nonce="", uri="/", response=""`;
    const challenge = await ask(first);
    assert.equal(challenge.status, 401);
    assert.match(String(challenge.headers['www-authenticate']), new RegExp(`nonce="${NONCE.replaceAll('+', '\\+')}"`));
    assert.match(String(challenge.headers['www-authenticate']), /algorithm=AKAv1-MD5, qop="auth-int"/);

    const done = await ask(`Digest ${COMMON}, response="bc458c79d679cb8ad81bb3c69e94a714"`);
    assert.equal(done.status, 200);
    assert.equal(done.body.length, 219);
    assert.match(done.body.toString(), /<lifetime>2027-01-02T00:00:00Z<\/lifetime>/);
    assert.equal(
      done.headers['authentication-info'],
      'qop=auth-int, rspauth="60c76223a26ab6b2ccf02a3dbff02e8d", cnonce="0a4f113b0a4f113b", nc=00000001',
    );
    const [tmpi] = await store.list('bsf-tmpi');
    assert.equal(tmpi?.key, 'mYKkBGQFd29MN4FfQasB3b0V5kiP14GO@tmpi.bsf.3gppnetwork.org');
    const [context] = await store.list('bsf-context');
    assert.equal(context?.key, `AAECAwQFBgcICQoLDA0ODw==@${BSF}`);

    await store.commit([{ space: 'bsf-context', key: context?.key ?? '', delete: true }]);
    await ask(first);
    const auts = 'auts="QEFCQ0RFRkdISUpLTE0="';
    const again = await ask(`Digest ${COMMON},${auts}, response="3d5fae9269daa9959f209b3c37b1624e"`);
    assert.equal(again.status, 401);
    assert.deepEqual(resyncs, ['404142434445464748494a4b4c4d']);
  } finally {
    await bsf.close();
  }
});
