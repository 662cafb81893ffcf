import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash, diffieHellman, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GbaError, systemRandom } from '../../src/base/index.ts';
import {
  envelope,
  generateKeyPair,
  openEnvelope,
  privateKeyPem,
  readCertificate,
  type Signer,
  signCms,
  toPem,
  verifyCms,
} from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { at, constructed, encodeTlv, members, readTlv, type Tlv } from '../support/tlv.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-cms-profile-'));
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const read = (name: string) => readFileSync(join(dir, name));
const secret = Buffer.from('the plain text of a package');
const NULL: Tlv = { tag: 5, value: Buffer.alloc(0) };
let signer: Signer;
let other: Signer;
let recipient: Signer;

before(async () => {
  const authority = await makeAuthority('Test CA');
  signer = await makeSigner('new.test', authority);
  other = await makeSigner('other.test', authority);
  recipient = await makeSigner('m2me-0001', authority, 'encrypt');
  for (const [name, one] of Object.entries({ signer, other, recipient })) {
    writeFileSync(join(dir, `${name}.pem`), toPem(one.certificate, 'CERTIFICATE'));
    writeFileSync(join(dir, `${name}.key`), privateKeyPem(one.key));
  }
  const foreign = (name: string, ...key: string[]) =>
    openssl('req', '-x509', '-nodes', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`);
  foreign('rsa', '-newkey', 'rsa:2048');
  foreign('p384', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384');
  writeFileSync(join(dir, 'plain'), secret);
});
after(() => rmSync(dir, { recursive: true }));

function opensslSign(who: string, ...more: string[]): Buffer {
  const key = ['-signer', `${who}.pem`, '-inkey', `${who}.key`];
  openssl('cms', '-sign', '-binary', '-in', 'plain', ...key, '-outform', 'DER', '-out', 'x.cms', ...more);
  return read('x.cms');
}

function opensslEncrypt(...more: string[]): Buffer {
  openssl('cms', '-encrypt', '-binary', '-in', 'plain', '-outform', 'DER', '-out', 'x.env', ...more);
  return read('x.env');
}

const copy = (root: Tlv): Tlv => readTlv(encodeTlv(root));
const typed = (error: unknown) => error instanceof GbaError;

/** Every constructed node once with a member more, once with each member fewer, once with each member twice. */
function* bent(der: Buffer): Generator<{ what: string; der: Buffer }> {
  const root = readTlv(der);
  for (const { path, node } of constructed(root)) {
    const bend = (what: string, change: (list: Tlv[]) => void) => {
      const tree = copy(root);
      change(members(at(tree, ...path)));
      return { what: `${what} at ${path.join('.') || 'the top'}`, der: encodeTlv(tree) };
    };
    yield bend('NULL more', (list) => list.push(NULL));
    for (const [i, member] of members(node).entries()) {
      yield bend(`member ${i} less`, (list) => list.splice(i, 1));
      yield bend(`member ${i} twice`, (list) => list.splice(i, 0, member));
    }
  }
}

test('a signed message with a member more, less or twice anywhere is refused, or says the same by the same key', async () => {
  const der = await signCms(secret, signer);
  const own = readCertificate(signer.certificate).spkiSha256;
  const certificate = encodeTlv(at(readTlv(der), 1, 0, 3, 0));
  const taken: string[] = [];
  for (const { what, der: broken } of bent(der)) {
    try {
      const { content, signer: who } = await verifyCms(broken);
      assert.deepEqual([content, who.spkiSha256], [secret, own], what);
      // The certificate is not covered by this signature: its own signature or the key's hash covers it.
      if (broken.includes(certificate)) taken.push(what);
    } catch (error) {
      if (!typed(error)) throw error;
    }
  }
  // RFC 5754 2: parameters of SHA-256 are absent or NULL.
  assert.deepEqual(taken, ['NULL more at 1.0.1.0', 'NULL more at 1.0.4.0.2']);
});

test('an envelope with a member more, less or twice anywhere is refused', async () => {
  const der = await envelope(secret, recipient.certificate, systemRandom);
  const taken: string[] = [];
  for (const { what, der: broken } of bent(der)) {
    try {
      await openEnvelope(broken, recipient.key, recipient.certificate);
      taken.push(what);
    } catch (error) {
      if (!typed(error)) throw error;
    }
  }
  // RFC 5753 7.1.2: parameters of the originator's id-ecPublicKey are absent or NULL.
  assert.deepEqual(taken, ['NULL more at 1.0.1.0.1.0.0']);
});

/** Our own message with its SignerInfo changed and signed again by the same key: wrong by its form alone. */
async function signedAgain(change: (attributes: Tlv[], info: Tlv[]) => void): Promise<Buffer> {
  const root = readTlv(await signCms(secret, signer));
  const info = members(at(root, 1, 0, 4, 0));
  const attributes = at(root, 1, 0, 4, 0, 3);
  change(members(attributes), info);
  const signed = encodeTlv({ ...attributes, tag: 0x31 });
  const signature = info.findLast(({ tag }) => tag === 4);
  assert.ok(signature);
  signature.value = sign('sha256', signed, signer.key);
  return encodeTlv(root);
}

test('signing again keeps a good message good', async () => {
  assert.deepEqual((await verifyCms(await signedAgain(() => {}))).content, secret);
});

test('a good signature over attributes outside the profile is refused', async () => {
  const oid = (hex: string): Tlv => ({ tag: 6, value: Buffer.from(hex, 'hex') });
  const cases: [string, string, (attributes: Tlv[], info: Tlv[]) => void][] = [
    ['not sorted', 'der-invalid', (a) => a.reverse()],
    ['no messageDigest', 'cms-invalid', (a) => a.splice(1, 1)],
    ['no contentType', 'cms-invalid', (a) => a.splice(0, 1)],
    ['contentType twice', 'cms-invalid', (a) => a.splice(0, 0, a[0] ?? NULL)],
    ['contentType is signedData', 'cms-invalid', (a) => (at(a[0] ?? NULL, 1).value = [oid('2a864886f70d010702')])],
    ['digest of something else', 'signature-invalid', (a) => (at(a[1] ?? NULL, 1, 0).value = Buffer.alloc(32))],
    ['digest cut short', 'signature-invalid', (a) => (at(a[1] ?? NULL, 1, 0).value = Buffer.alloc(16))],
    ['unsigned attribute', 'cms-invalid', (a, info) => info.push({ tag: 0xa1, value: [a[0] ?? NULL] })],
    ['SignerInfo version 3', 'cms-invalid', (_, info) => ((info[0] ?? NULL).value = Buffer.from([3]))],
    ['digest SHA-512', 'cms-invalid', (_, info) => ((info[2] ?? NULL).value = [oid('608648016503040203')])],
    ['ecdsa-with-SHA512', 'cms-invalid', (_, info) => ((info[4] ?? NULL).value = [oid('2a8648ce3d040304')])],
    ['signature algorithm with NULL', 'cms-invalid', (_, info) => members(info[4] ?? NULL).push(NULL)],
  ];
  for (const [what, code, change] of cases) {
    await assert.rejects(verifyCms(await signedAgain(change)), { code }, what);
  }
});

test("a message under another signer's certificate, or signed by another key, is refused", async () => {
  const swapped = readTlv(await signCms(secret, signer));
  at(swapped, 1, 0, 3).value = [readTlv(other.certificate)];
  await assert.rejects(verifyCms(encodeTlv(swapped)), { code: 'cms-invalid' });
  const mixed = await signCms(secret, { key: other.key, certificate: signer.certificate });
  await assert.rejects(verifyCms(mixed), { code: 'signature-invalid' });
});

test('what openssl signs in other shapes is refused', async () => {
  const cases: [string, Buffer, string][] = [
    ['detached', opensslSign('signer'), 'cms-invalid'],
    ['two signers', opensslSign('signer', '-nodetach', '-signer', 'other.pem', '-inkey', 'other.key'), 'cms-invalid'],
    ['another certificate inside', opensslSign('signer', '-nodetach', '-certfile', 'other.pem'), 'cms-invalid'],
    ['RSA key', opensslSign('rsa', '-nodetach'), 'cms-invalid'],
    ['P-384 key', opensslSign('p384', '-nodetach', '-md', 'sha256'), 'signature-invalid'],
    ['streamed BER', opensslSign('signer', '-nodetach', '-stream'), 'der-invalid'],
  ];
  for (const [what, der, code] of cases) await assert.rejects(verifyCms(der), { code }, what);
});

test('what openssl encrypts in other shapes is refused', async () => {
  const kdf = ['-keyopt', 'ecdh_kdf_md:sha256'];
  const to = ['-recip', 'recipient.pem'];
  const cases: [string, Buffer][] = [
    ['AES-128-GCM', opensslEncrypt('-aes-128-gcm', ...to, ...kdf)],
    ['AES-128-GCM under AES-256 wrap', opensslEncrypt('-aes-128-gcm', '-aes256-wrap', ...to, ...kdf)],
    ['AES-256-CBC EnvelopedData', opensslEncrypt('-aes-256-cbc', ...to, ...kdf)],
    ['KDF with SHA-1', opensslEncrypt('-aes-256-gcm', ...to)],
    ['cofactor ECDH', opensslEncrypt('-aes-256-gcm', ...to, ...kdf, '-keyopt', 'ecdh_cofactor_mode:1')],
    ['two recipients', opensslEncrypt('-aes-256-gcm', ...to, ...kdf, '-recip', 'other.pem', ...kdf)],
    ['RSA recipient', opensslEncrypt('-aes-256-gcm', '-recip', 'rsa.pem')],
    ['P-384 recipient', opensslEncrypt('-aes-256-gcm', '-recip', 'p384.pem', ...kdf)],
  ];
  for (const [what, der] of cases) {
    const opened = openEnvelope(der, recipient.key, recipient.certificate);
    await assert.rejects(opened, (e: { code?: string }) => /^(envelope|der)-/.test(e.code ?? ''), what);
  }
});

test('no envelope is made to a key that is not on P-256', async () => {
  for (const name of ['rsa', 'p384']) {
    const { der } = readCertificate(read(`${name}.pem`));
    await assert.rejects(envelope(secret, der, systemRandom), { code: 'envelope-invalid' }, name);
  }
});

test('the originator point is on P-256, uncompressed and not at infinity', async () => {
  const der = await envelope(secret, recipient.certificate, systemRandom);
  const point = (change: (bits: Buffer) => Buffer) => {
    const root = readTlv(der);
    const bits = at(root, 1, 0, 1, 0, 1, 0, 1);
    bits.value = change(bits.value as Buffer);
    return encodeTlv(root);
  };
  const cases: Record<string, Buffer> = {
    'at infinity': point(() => Buffer.from([0, 0])),
    compressed: point((b) => Buffer.concat([Buffer.from([0, 2 + ((b.at(-1) ?? 0) & 1)]), b.subarray(2, 34)])),
    'all zero': point(() => Buffer.concat([Buffer.from([0, 4]), Buffer.alloc(64)])),
    'x as large as the prime': point((b) => Buffer.concat([b.subarray(0, 2), Buffer.alloc(32, 0xff), b.subarray(34)])),
    'x of one, y of another': point((b) => Buffer.concat([b.subarray(0, 34), b.subarray(2, 34)])),
  };
  for (const [what, broken] of Object.entries(cases)) {
    await assert.rejects(
      openEnvelope(broken, recipient.key, recipient.certificate),
      { code: 'envelope-invalid' },
      what,
    );
  }
});

test('a ukm goes into the key: openssl and we open the same', async () => {
  const contentKey = Buffer.alloc(32, 0x42);
  const random = { bytes: (length: number) => (length === 32 ? Buffer.from(contentKey) : Buffer.alloc(length, 1)) };
  const root = readTlv(await envelope(secret, recipient.certificate, random));
  const info = at(root, 1, 0, 1, 0);
  const ephemeral = generateKeyPair();
  const spki = readTlv(ephemeral.publicKey.export({ format: 'der', type: 'spki' }));
  at(info, 1, 0, 1).value = at(spki, 1).value;
  const ukm = Buffer.from('user keying material');
  members(info).splice(2, 0, { tag: 0xa1, value: [{ tag: 4, value: ukm }] });
  // ECC-CMS-SharedInfo (RFC 5753 7.2): key wrap algorithm, [0] ukm, [2] 256 bits.
  const shared = encodeTlv({
    tag: 0x30,
    value: [
      at(info, 3, 1),
      { tag: 0xa0, value: [{ tag: 4, value: ukm }] },
      { tag: 0xa2, value: [{ tag: 4, value: Buffer.from('00000100', 'hex') }] },
    ],
  });
  const z = diffieHellman({
    privateKey: ephemeral.privateKey,
    publicKey: readCertificate(recipient.certificate).publicKey,
  });
  const kek = createHash('sha256')
    .update(Buffer.concat([z, Buffer.from([0, 0, 0, 1]), shared]))
    .digest();
  const wrap = createCipheriv('id-aes256-wrap', kek, Buffer.alloc(8, 0xa6));
  at(info, 4, 0, 1).value = Buffer.concat([wrap.update(contentKey), wrap.final()]);
  const der = encodeTlv(root);
  writeFileSync(join(dir, 'ukm.env'), der);
  const key = ['-recip', 'recipient.pem', '-inkey', 'recipient.key'];
  openssl('cms', '-decrypt', '-inform', 'DER', '-in', 'ukm.env', ...key, '-binary', '-out', 'ukm.out');
  assert.deepEqual(read('ukm.out'), secret);
  assert.deepEqual((await openEnvelope(der, recipient.key, recipient.certificate)).bytes(), secret);
});
