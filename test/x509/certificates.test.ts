import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemRandom } from '../../src/base/index.ts';
import {
  envelope,
  loadSigner,
  openEnvelope,
  readCertificate,
  type Signer,
  signCms,
  verifyCms,
} from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-certificates-'));
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const read = (name: string) => readFileSync(join(dir, name));
const plain = Buffer.from('what is signed and enveloped');
let authority: Signer;

before(async () => {
  authority = await makeAuthority('Test CA');
  writeFileSync(join(dir, 'plain'), plain);
});
after(() => rmSync(dir, { recursive: true }));

/** What `openssl x509 -req` makes of a request when nobody gives it extensions: version 1, no version member. */
function versionOne(name: string): Signer {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  if (name === 'signer') openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=CA');
  openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  const issuer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', '77'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...issuer, '-out', `${name}.pem`);
  return loadSigner({ cert: read(`${name}.pem`).toString(), key: read(`${name}.key`).toString() });
}

test('certificates of version 1 sign and receive, to and from openssl', async () => {
  const signer = versionOne('signer');
  const tre = versionOne('tre');
  const inner = await envelope(plain, tre.certificate, systemRandom);
  writeFileSync(join(dir, 'ours.cms'), await signCms(inner, signer));
  const out = ['-binary', '-out'];
  openssl('cms', '-verify', '-inform', 'DER', '-in', 'ours.cms', '-CAfile', 'ca.pem', ...out, 'ours.env');
  const key = ['-recip', 'tre.pem', '-inkey', 'tre.key'];
  openssl('cms', '-decrypt', '-inform', 'DER', '-in', 'ours.env', ...key, ...out, 'ours.out');
  assert.deepEqual(read('ours.out'), plain);

  const to = ['-recip', 'tre.pem', '-keyopt', 'ecdh_kdf_md:sha256'];
  openssl('cms', '-encrypt', '-aes-256-gcm', '-in', 'plain', '-outform', 'DER', ...out, 'theirs.env', ...to);
  const by = ['-signer', 'signer.pem', '-inkey', 'signer.key', '-nodetach'];
  openssl('cms', '-sign', '-in', 'theirs.env', '-outform', 'DER', ...out, 'theirs.cms', ...by);
  const { content } = await verifyCms(read('theirs.cms'));
  assert.deepEqual((await openEnvelope(content, tre.key, tre.certificate)).bytes(), plain);
});

test('nothing is enveloped to a key certified for signatures alone', async () => {
  const device = await makeSigner('m2me-0001', authority, 'sign');
  await assert.rejects(envelope(plain, device.certificate, systemRandom), { code: 'envelope-invalid' });
});

test('octets after a certificate are refused, not passed over', () => {
  const { der } = readCertificate(authority.certificate);
  assert.throws(() => readCertificate(Buffer.concat([der, Buffer.from([5, 0])])), { code: 'certificate-invalid' });
  assert.throws(() => readCertificate(Buffer.concat([der, der])), { code: 'certificate-invalid' });
});

test('a certificate whose validity is no time is refused: it would never end', () => {
  const hex = authority.certificate.toString('hex');
  const notAfter = Buffer.from('351230000000Z').toString('hex');
  assert.ok(hex.includes(notAfter));
  const endless = Buffer.from(hex.replace(notAfter, Buffer.from('359930000000Z').toString('hex')), 'hex');
  assert.throws(() => readCertificate(endless), { code: 'certificate-invalid' });
});
