import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { createClient } from '../../src/http/index.ts';
import { openAuthority, pkiConfigSchema } from '../../src/pki/index.ts';
import {
  generateKeyPair,
  makeCsr,
  privateKeyPem,
  readCertificate,
  readCrl,
  readCsr,
  serialNumberOf,
  toPem,
} from '../../src/x509/index.ts';
import { makeAuthority } from '../support/certificates.ts';
import { makeTestPki } from '../support/pki.ts';
import { gba } from './process.ts';

const PORTAL = 'pki.test';
const pki = makeTestPki([PORTAL]);
const dir = mkdtempSync(join(tmpdir(), 'gba-cli-pki-'));
after(() => {
  for (const folder of [dir, pki.dir]) rmSync(folder, { recursive: true, force: true });
});
const path = join(dir, 'pki.json');
const crlFile = join(dir, 'list.pem');
let serial: string;

/** A portal that has issued one certificate, and is not running. */
before(async () => {
  const { key, certificate } = await makeAuthority('Subscribers');
  const authority = { cert: join(dir, 'authority.pem'), key: join(dir, 'authority-key.pem') };
  writeFileSync(authority.cert, toPem(certificate, 'CERTIFICATE'));
  writeFileSync(authority.key, privateKeyPem(key), { mode: 0o600 });
  const config = {
    fqdn: PORTAL,
    ua: { port: 0 },
    tls: pki.files(PORTAL),
    zn: [{ bsf: 'bsf.test', peer: { url: 'https://127.0.0.1:1', serverName: 'bsf.test' } }],
    authority,
    subscribers: [{ impi: 'a@b.test', subjects: ['m2me-0001'] }],
    crlFile,
    store: { driver: 'lmdb', path: join(dir, 'store') },
  };
  writeFileSync(path, JSON.stringify(config));
  writeFileSync(join(dir, 'memory.json'), JSON.stringify({ ...config, store: { driver: 'memory' } }));
  const deps = { clock: systemClock, random: systemRandom, log: silentLog };
  const opened = await openAuthority(pkiConfigSchema.parse(config), deps);
  const csr = readCsr(makeCsr({ subject: 'm2me-0001', key: generateKeyPair().privateKey }));
  serial = serialNumberOf(readCertificate(await opened.certificates.issue('a@b.test', csr)));
  await opened.close();
});

test('what is no serial number, no reason or no certificate of ours is refused, and no list is issued', async () => {
  const revoke = (...args: string[]) => gba(['pki', 'revoke', ...args, '--config', path]);
  for (const wrong of ['xyz', '1', '', 'ab'.repeat(21)]) assert.equal((await revoke(wrong)).code, 2, wrong);
  assert.equal((await revoke(serial, '--reason', 'boredom')).code, 2);
  const unknown = await revoke('00ff');
  assert.deepEqual([unknown.code, unknown.out], [1, '']);
  assert.match(unknown.err, /^gba: certificate-unknown: /);
  assert.throws(() => readFileSync(crlFile), { code: 'ENOENT' });
});

test('a store in memory, or no configuration, is refused', async () => {
  const { code, err } = await gba(['pki', 'list', '--config', join(dir, 'memory.json')]);
  assert.equal(code, 1);
  assert.match(err, /config-invalid/);
  assert.equal((await gba(['pki', 'crl'])).code, 2);
});

test('a running portal gives the list that another process issued', async () => {
  const shown = JSON.parse((await gba(['pki', 'list', '--config', path, '--json'])).out) as { state: string }[];
  assert.deepEqual(
    shown.map((one) => ({ ...one, ends: '' })),
    [{ serial, subject: 'm2me-0001', impi: 'a@b.test', ends: '', state: 'valid' }],
  );
  const seen: Record<string, string> = {};
  let given: Buffer = Buffer.alloc(0);
  const running = await gba(['pki', '--config', path, '--json'], {
    text: '}\n',
    async when(child, out) {
      try {
        const capitals = serial.toUpperCase().replace(/(..)(?!$)/g, '$1:');
        seen['revoke'] = (await gba(['pki', 'revoke', capitals, '--reason', 'superseded', '--config', path])).out;
        seen['list'] = (await gba(['pki', 'list', '--config', path])).out;
        seen['crl'] = (await gba(['pki', 'crl', '--config', path, '--json'])).out;
        const { ports } = JSON.parse(out) as { ports: { ua: number } };
        const tls = { ca: pki.pem(PORTAL).ca };
        const client = createClient({ url: `https://127.0.0.1:${ports.ua}`, serverName: PORTAL, tls });
        given = (await client.send('GET', '/crl')).body;
        client.close();
      } finally {
        child.kill('SIGTERM');
      }
    },
  });
  assert.equal(running.code, 0, running.err);
  assert.match(seen['revoke'] ?? '', new RegExp(`^${serial} is revoked since .* has 1 of them\n$`));
  assert.match(seen['list'] ?? '', /revoked superseded {2}m2me-0001 {2}a@b\.test\n$/);
  const { crl, count } = JSON.parse(seen['crl'] ?? '') as { crl: number; count: number };
  const list = readCrl(readFileSync(crlFile, 'utf8'));
  assert.deepEqual([crl, count], [Number.parseInt(list.number ?? '', 16), 1]);
  assert.ok(list.revoked.has(serial));
  assert.deepEqual(given, list.der);
});

test('doctor looks at the authority and at where the list goes', async () => {
  const { code, out } = await gba(['doctor', 'pki', '--config', path, '--json']);
  assert.equal(code, 0, out);
  const { findings } = JSON.parse(out) as { findings: { what: string }[] };
  const what = findings.map((one) => one.what);
  for (const expected of ['authority certificate', 'crlFile', 'tls certificate', 'store', 'ua port']) {
    assert.ok(what.includes(expected), expected);
  }
});
