import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { GbaError, systemRandom } from '../../src/base/index.ts';
import {
  envelope,
  loadSigner,
  openEnvelope,
  privateKeyPem,
  readCertificate,
  type Signer,
  signCms,
  toPem,
  verifyChain,
  verifyCms,
} from '../../src/x509/index.ts';
import { ISSUED_AT, makeAuthority, makeSigner } from '../support/certificates.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-cms-'));
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const read = (name: string) => readFileSync(join(dir, name));
const secret = Buffer.from('the plain text of a package');
let authority: Signer;
let signer: Signer;
let recipient: Signer;
let stranger: Signer;

before(async () => {
  authority = await makeAuthority('Test CA');
  signer = await makeSigner('new.test', authority);
  recipient = await makeSigner('m2me-0001', authority, 'encrypt');
  stranger = await makeSigner('stranger', authority, 'encrypt');
  writeFileSync(join(dir, 'ca.pem'), toPem(authority.certificate, 'CERTIFICATE'));
  for (const [name, one] of [
    ['signer', signer],
    ['recipient', recipient],
  ] as const) {
    writeFileSync(join(dir, `${name}.pem`), toPem(one.certificate, 'CERTIFICATE'));
    writeFileSync(join(dir, `${name}.key`), privateKeyPem(one.key));
  }
  writeFileSync(join(dir, 'plain'), secret);
});

const typed = (error: unknown) => error instanceof GbaError;

test('openssl cms verifies and opens what we make', async () => {
  writeFileSync(
    join(dir, 'ours.cms'),
    await signCms(await envelope(secret, recipient.certificate, systemRandom), signer),
  );
  openssl(
    'cms',
    '-verify',
    '-inform',
    'DER',
    '-in',
    'ours.cms',
    '-CAfile',
    'ca.pem',
    '-purpose',
    'any',
    '-binary',
    '-out',
    'ours.env',
  );
  openssl(
    'cms',
    '-decrypt',
    '-inform',
    'DER',
    '-in',
    'ours.env',
    '-recip',
    'recipient.pem',
    '-inkey',
    'recipient.key',
    '-binary',
    '-out',
    'ours.out',
  );
  assert.deepEqual(read('ours.out'), secret);
});

test('we open what openssl cms makes', async () => {
  openssl(
    'cms',
    '-encrypt',
    '-binary',
    '-aes-256-gcm',
    '-in',
    'plain',
    '-outform',
    'DER',
    '-out',
    'theirs.env',
    '-recip',
    'recipient.pem',
    '-keyopt',
    'ecdh_kdf_md:sha256',
  );
  openssl(
    'cms',
    '-sign',
    '-binary',
    '-nodetach',
    '-in',
    'theirs.env',
    '-signer',
    'signer.pem',
    '-inkey',
    'signer.key',
    '-outform',
    'DER',
    '-out',
    'theirs.cms',
  );
  const { content, signer: who } = await verifyCms(read('theirs.cms'));
  assert.equal(who.subject, 'new.test');
  assert.deepEqual((await openEnvelope(content, recipient.key, recipient.certificate)).bytes(), secret);
});

test('every single flipped bit of a signed message is refused or changes nothing that is said', async () => {
  const der = await signCms(secret, signer);
  const own = readCertificate(signer.certificate).spkiSha256;
  for (let i = 0; i < der.length; i++) {
    const broken = Buffer.from(der);
    broken[i] = (broken[i] ?? 0) ^ (1 << (i % 8));
    try {
      const { content, signer: who } = await verifyCms(broken);
      // Octets of the certificate that the signature does not cover may differ; what is said and by which key may not.
      assert.deepEqual(content, secret);
      assert.equal(who.spkiSha256, own);
    } catch (error) {
      assert.ok(typed(error), `octet ${i}: ${String(error)}`);
    }
  }
});

test('every single flipped bit of an envelope is refused', async () => {
  const der = await envelope(secret, recipient.certificate, systemRandom);
  for (let i = 0; i < der.length; i++) {
    const broken = Buffer.from(der);
    broken[i] = (broken[i] ?? 0) ^ (1 << (i % 8));
    await assert.rejects(openEnvelope(broken, recipient.key, recipient.certificate), typed, `octet ${i}`);
  }
});

test('an envelope for another certificate says so; the right certificate with another key does not open it', async () => {
  const der = await envelope(secret, recipient.certificate, systemRandom);
  await assert.rejects(openEnvelope(der, stranger.key, stranger.certificate), { code: 'envelope-recipient-wrong' });
  await assert.rejects(openEnvelope(der, stranger.key, recipient.certificate), { code: 'envelope-invalid' });
});

test('a point that is not on the curve is refused', async () => {
  const der = await envelope(secret, recipient.certificate, systemRandom);
  const at = der.indexOf(Buffer.from('03420004', 'hex'));
  assert.ok(at > 0);
  Buffer.alloc(64, 1).copy(der, at + 4);
  await assert.rejects(openEnvelope(der, recipient.key, recipient.certificate), { code: 'envelope-invalid' });
});

test('no two envelopes share a key or a nonce', async () => {
  const [a, b] = [
    await envelope(secret, recipient.certificate, systemRandom),
    await envelope(secret, recipient.certificate, systemRandom),
  ];
  assert.notDeepEqual(a.subarray(-40), b.subarray(-40));
});

test('a signature of another profile is refused: other digest, no signed attributes, no certificate, other content type', async () => {
  const sign = (...more: string[]) => {
    openssl(
      'cms',
      '-sign',
      '-binary',
      '-nodetach',
      '-in',
      'plain',
      '-signer',
      'signer.pem',
      '-inkey',
      'signer.key',
      '-outform',
      'DER',
      '-out',
      'x.cms',
      ...more,
    );
    return read('x.cms');
  };
  for (const more of [['-md', 'sha384'], ['-noattr'], ['-nocerts'], ['-econtent_type', '1.2.3.4']]) {
    await assert.rejects(verifyCms(sign(...more)), { code: 'cms-invalid' }, more.join(' '));
  }
});

test('a chain is verified: issuer, validity at the given time, CA flag', () => {
  const leaf = readCertificate(signer.certificate);
  const ca = readCertificate(authority.certificate);
  verifyChain(leaf, ca, ISSUED_AT + 1000);
  const untrusted = { code: 'certificate-untrusted' };
  assert.throws(() => verifyChain(leaf, ca, ISSUED_AT - 1000), { code: 'certificate-not-yet-valid' });
  assert.throws(() => verifyChain(leaf, ca, ISSUED_AT + 4000 * 86_400_000), { code: 'certificate-expired' });
  assert.throws(() => verifyChain(leaf, readCertificate(recipient.certificate), ISSUED_AT + 1000), untrusted);
  assert.throws(() => verifyChain(ca, leaf, ISSUED_AT + 1000), untrusted);
});

test('a key that is not the certificate’s is refused', () => {
  assert.throws(
    () => loadSigner({ cert: toPem(signer.certificate, 'CERTIFICATE'), key: privateKeyPem(stranger.key) }),
    {
      code: 'key-invalid',
    },
  );
});
