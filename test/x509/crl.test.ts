import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type Certificate,
  type Crl,
  checkRevocation,
  generateKeyPair,
  issueCertificate,
  issueCrl,
  type Revocation,
  readCertificate,
  readCrl,
  type Signer,
  serialNumberOf,
  toPem,
  verifyDevice,
} from '../../src/x509/index.ts';
import { ISSUED_AT, makeAuthority, makeSigner } from '../support/certificates.ts';
import { at, encodeTlv, members, readTlv, type Tlv } from '../support/tlv.ts';

const DAY = 86_400_000;
const NOW = ISSUED_AT + 10 * DAY;
const dir = mkdtempSync(join(tmpdir(), 'gba-crl-'));
after(() => rmSync(dir, { recursive: true }));
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const write = (name: string, octets: Uint8Array | string) => writeFileSync(join(dir, name), octets);
const read = (name: string) => readFileSync(join(dir, name));

let maker: Signer;
let namesake: Signer;
let authority: Certificate;
let device: Certificate;
let other: Certificate;
before(async () => {
  maker = await makeAuthority('Maker');
  namesake = await makeAuthority('Maker');
  authority = readCertificate(maker.certificate);
  device = readCertificate((await makeSigner('m2me-0001', maker)).certificate);
  other = readCertificate((await makeSigner('m2me-0002', maker)).certificate);
});

interface Listed {
  issuer?: Signer;
  revoked?: Revocation[];
  number?: number;
  from?: number;
  to?: number;
}
const list = ({ issuer = maker, revoked = [], number = 1, from = NOW - DAY, to = NOW + DAY }: Listed = {}): Buffer =>
  issueCrl({ issuer, thisUpdate: from, nextUpdate: to, number, revoked });
const revoke = (certificate: Certificate): Revocation => ({ serialNumber: serialNumberOf(certificate), at: NOW - DAY });

/** The list changed and signed anew by its issuer, so that nothing but the change is wrong. */
function forged(change: (tbs: Tlv, root: Tlv) => void, from = list({ revoked: [revoke(device)] })): Buffer {
  const root = readTlv(from);
  change(at(root, 0), root);
  at(root, 2).value = Buffer.concat([Buffer.of(0), sign('sha256', encodeTlv(at(root, 0)), maker.key)]);
  return encodeTlv(root);
}
const oid = (hex: string): Tlv => ({ tag: 0x06, value: Buffer.from(hex, 'hex') });
const extension = (id: string, critical: boolean, value = Buffer.of(5, 0)): Tlv => ({
  tag: 0x30,
  value: [oid(id), ...(critical ? [{ tag: 0x01, value: Buffer.of(0xff) }] : []), { tag: 0x04, value }],
});

const invalid = (input: Uint8Array | string) => assert.throws(() => readCrl(input), { code: 'crl-invalid' });
const check = (crls: Buffer[], certificate = device, at = NOW) =>
  checkRevocation(
    certificate,
    crls.map((one) => readCrl(one)),
    authority,
    at,
  );

test('a list that another key signed, that was changed, or whose issuer may not sign lists', async () => {
  assert.throws(() => check([list({ issuer: namesake, revoked: [] })]), { code: 'crl-invalid' });
  const changed = readTlv(list({ revoked: [revoke(device)] }));
  at(changed, 0, 5, 0, 0).value = Buffer.of(0x55);
  assert.throws(() => check([encodeTlv(changed)]), { code: 'crl-invalid' });
  const { privateKey, publicKey } = generateKeyPair();
  const plain = await issueCertificate({
    subject: 'Maker',
    publicKey,
    issuer: { selfSigned: privateKey },
    notBefore: ISSUED_AT,
    notAfter: NOW + DAY,
    serial: Buffer.alloc(16, 1),
  });
  const crl = readCrl(list({ issuer: { key: privateKey, certificate: plain } }));
  assert.throws(() => checkRevocation(device, [crl], readCertificate(plain), NOW), { code: 'crl-invalid' });
});

test('a list that has ended, or that begins later', () => {
  const to = list({ to: NOW - 1000, from: NOW - DAY });
  assert.throws(() => check([to]), { code: 'crl-stale' });
  check([to], device, NOW - 2000);
  assert.throws(() => check([list({ from: NOW + 1000 })]), { code: 'crl-not-yet-valid' });
  assert.throws(() => list({ from: NOW, to: NOW }), { code: 'crl-invalid' });
});

test('a revoked certificate, and no other', () => {
  const crls = [list({ revoked: [revoke(device)] })];
  assert.throws(() => check(crls), { code: 'certificate-revoked' });
  check(crls, other);
  check([], device);
});

test("the newest list of the issuer's own key counts, whatever stands before it", () => {
  const older = list({ number: 9, revoked: [] });
  const newer = list({ number: 256, revoked: [revoke(device)], from: NOW - 2 * DAY });
  assert.throws(() => check([older, newer]), { code: 'certificate-revoked' });
  assert.throws(() => check([newer, older]), { code: 'certificate-revoked' });
  // Held, then set free again.
  check([list({ number: 257, revoked: [] }), newer]);
  const foreign = list({ issuer: namesake, number: 300, revoked: [revoke(device)] });
  check([list(), foreign]);
  // A stale newest list is not made good by an older one that still runs.
  const ended = list({ number: 258, from: NOW - 2 * DAY, to: NOW - DAY });
  assert.throws(() => check([ended, older]), { code: 'crl-stale' });
});

test('critical extensions that are not understood, in the list and in an entry', () => {
  const add = (node: Tlv, ...more: Tlv[]) => void members(node).push(...more);
  const issuingPoint = '551d1c';
  const delta = '551d1b';
  const certificateIssuer = '551d1d';
  for (const id of [issuingPoint, delta, '2a0304']) {
    invalid(forged((tbs) => add(at(tbs, 6, 0), extension(id, true))));
    readCrl(forged((tbs) => add(at(tbs, 6, 0), extension('2a0304', false))));
  }
  const inEntry = (...extensions: Tlv[]) => forged((tbs) => add(at(tbs, 5, 0), { tag: 0x30, value: extensions }));
  invalid(inEntry(extension(certificateIssuer, true)));
  invalid(inEntry(extension('551d15', false, Buffer.of(0x0a, 1, 8))));
  invalid(inEntry(extension('551d15', false, Buffer.of(0x02, 1, 1))));
  readCrl(inEntry(extension('551d18', false)));
  readCrl(inEntry(extension('551d15', false, Buffer.of(0x0a, 1, 1))));
  invalid(forged((tbs) => add(at(tbs, 6, 0), extension('551d14', false, Buffer.of(2, 1, 1)))));
});

test('structures that are no list of RFC 5280', () => {
  invalid(forged((tbs) => void members(tbs).splice(4, 1)));
  invalid(forged((tbs) => void members(tbs).shift()));
  invalid(
    forged((tbs) => {
      at(tbs, 0).value = Buffer.of(2);
    }),
  );
  invalid(
    forged((tbs) => {
      at(tbs, 1, 0).value = Buffer.from('2a8648ce3d040303', 'hex');
    }),
  );
  invalid(
    forged((_, root) => {
      at(root, 1, 0).value = Buffer.from('2a8648ce3d040301', 'hex');
    }),
  );
  invalid(forged((_, root) => void members(at(root, 1)).push({ tag: 0x05, value: Buffer.alloc(0) })));
  invalid(
    forged((tbs) => {
      at(tbs, 5, 0, 0).value = Buffer.of(0xff);
    }),
  );
  invalid(
    forged((tbs) => {
      at(tbs, 3).value = Buffer.from('260230000000Z');
    }),
  );
  invalid(
    forged((tbs) => {
      Object.assign(at(tbs, 4), { tag: 0x18, value: Buffer.from('20270101000000.5Z') });
    }),
  );
  // Version 1 has neither extensions nor a version.
  const old = forged((tbs) => void members(tbs).splice(6, 1).concat(members(tbs).splice(0, 1)));
  assert.throws(() => check([old]), { code: 'certificate-revoked' });
});

test('what is not one strict encoding: cuts, trailing octets, BER, two PEM blocks', () => {
  const der = list({ revoked: [revoke(device)] });
  const pem = toPem(der, 'X509 CRL');
  for (let length = 0; length < der.length; length++) invalid(der.subarray(0, length));
  invalid(Buffer.concat([der, Buffer.of(5, 0)]));
  invalid(pem + pem);
  invalid(toPem(der, 'CERTIFICATE'));
  invalid('');
  assert.deepEqual(readCrl(pem).der, der);
  assert.deepEqual(readCrl(Buffer.from(pem)).der, der);
});

test('no single-bit change of a list sets a certificate free', () => {
  const der = list({ revoked: [revoke(device)] });
  for (let i = 0; i < der.length * 8; i++) {
    const bent = Buffer.from(der);
    bent[i >> 3] = (bent[i >> 3] ?? 0) ^ (1 << (i & 7));
    const trust = { authorities: [authority], subject: 'm2me-0001', atMs: NOW };
    assert.throws(() => verifyDevice(device, { ...trust, crls: [readCrl(bent)] }), /./, `bit ${i}`);
  }
});

test('a list of 50,000 is issued and read, and the last on it counts', () => {
  const revoked = Array.from(
    { length: 50_000 },
    (_, i): Revocation => ({
      serialNumber: (0x80 + (i % 0x80)).toString(16) + i.toString(16).padStart(30, '0'),
      at: NOW - DAY,
      ...(i % 2 === 0 ? { reason: 'superseded' } : {}),
    }),
  );
  const crl = readCrl(list({ revoked: [...revoked, revoke(device)] }));
  assert.equal(crl.revoked.size, 50_001);
  assert.ok(revoked.every(({ serialNumber }) => crl.revoked.get(serialNumber) === NOW - DAY));
  assert.throws(() => checkRevocation(device, [crl], authority, NOW), { code: 'certificate-revoked' });
  checkRevocation(other, [crl], authority, NOW);
});

test('verifyDevice: each refusal has its own code', async () => {
  const trust = { authorities: [authority], crls: [] as Crl[], subject: 'm2me-0001', atMs: NOW };
  const refused = (code: string, change: Partial<typeof trust> & { usage?: 'keyAgreement' }, certificate = device) =>
    assert.throws(() => verifyDevice(certificate, { ...trust, ...change }), { code });
  const foreign = readCertificate(namesake.certificate);
  refused('certificate-untrusted', { authorities: [] });
  refused('certificate-untrusted', { authorities: [foreign] });
  refused('certificate-untrusted', { authorities: [device] });
  refused('certificate-expired', { atMs: ISSUED_AT + 3651 * DAY });
  refused('certificate-not-yet-valid', { atMs: ISSUED_AT - DAY });
  refused('certificate-wrong-subject', { subject: 'm2me-0002' });
  refused('certificate-wrong-subject', { subject: '' });
  refused('certificate-wrong-usage', { usage: 'keyAgreement' });
  refused('certificate-revoked', { crls: [readCrl(list({ revoked: [revoke(device)] }))] });
  refused('crl-stale', { crls: [readCrl(list({ to: NOW - 1000 }))] });
  // A list that belongs to nobody here was configured for a reason.
  refused('crl-invalid', { crls: [readCrl(list({ issuer: namesake }))] });
  refused('crl-invalid', { crls: [readCrl(list({ issuer: await makeAuthority('Other') }))] });

  assert.equal(verifyDevice(device, { ...trust, authorities: [foreign, authority] }), authority);
  const lists = [readCrl(list()), readCrl(list({ issuer: namesake, revoked: [revoke(device)] }))];
  assert.equal(verifyDevice(device, { ...trust, authorities: [foreign, authority], crls: lists }), authority);
});

test('an authority that was renewed with its key: the certificate that runs now serves', async () => {
  const renewed = await issueCertificate({
    subject: 'Maker',
    publicKey: authority.publicKey,
    issuer: { selfSigned: maker.key },
    ca: true,
    notBefore: ISSUED_AT,
    notAfter: ISSUED_AT + DAY,
    serial: Buffer.alloc(16, 7),
  });
  const ended = readCertificate(renewed);
  const trust = { crls: [], subject: 'm2me-0001', atMs: NOW };
  assert.equal(verifyDevice(device, { ...trust, authorities: [ended, authority] }), authority);
  assert.throws(() => verifyDevice(device, { ...trust, authorities: [ended] }), { code: 'certificate-expired' });
});

test('openssl reads our list and obeys it; we read its, of an RSA authority too', () => {
  write('ca.pem', toPem(maker.certificate, 'CERTIFICATE'));
  write('device.pem', toPem(device.der, 'CERTIFICATE'));
  write('other.pem', toPem(other.der, 'CERTIFICATE'));
  const ours = list({ number: 4711, revoked: [{ ...revoke(device), reason: 'key-compromise' }] });
  write('ours.crl', toPem(ours, 'X509 CRL'));
  const shown = openssl('crl', '-in', 'ours.crl', '-noout', '-text', '-CAfile', 'ca.pem').toString();
  assert.match(shown, /4711/);
  assert.match(shown, /Key Compromise/);
  const when = ['-attime', String(NOW / 1000), '-crl_check', '-CRLfile', 'ours.crl', '-CAfile', 'ca.pem'];
  openssl('verify', ...when, 'other.pem');
  assert.throws(() => openssl('verify', ...when, 'device.pem'), /certificate revoked/);

  for (const algorithm of ['rsa:2048', 'ec']) {
    const key = algorithm === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'] : ['-newkey', algorithm];
    openssl('req', '-x509', ...key, '-sha384', '-nodes', '-keyout', 'x.key', '-out', 'x.pem', '-subj', '/CN=X');
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', ...ec, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=m2me-0003');
    openssl(
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      'x.pem',
      '-CAkey',
      'x.key',
      '-set_serial',
      '200',
      '-out',
      'leaf.pem',
    );
    write('index', '');
    write('number', '1000\n');
    write(
      'ca.cnf',
      `[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha384\ndefault_crl_days=1\n` +
        'crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n',
    );
    const ca = ['ca', '-config', 'ca.cnf', '-cert', 'x.pem', '-keyfile', 'x.key'];
    const trust = () => ({
      authorities: [readCertificate(read('x.pem').toString())],
      crls: [readCrl(read('x.crl').toString())],
      subject: 'm2me-0003',
      atMs: readCertificate(read('leaf.pem').toString()).notBefore + 60_000,
    });
    openssl(...ca, '-gencrl', '-out', 'x.crl');
    const leaf = readCertificate(read('leaf.pem').toString());
    verifyDevice(leaf, trust());
    openssl(...ca, '-revoke', 'leaf.pem', '-crl_reason', 'superseded');
    openssl(...ca, '-gencrl', '-out', 'x.crl');
    assert.throws(() => verifyDevice(leaf, trust()), { code: 'certificate-revoked' });
  }
});
