import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { generateKeyPair, makeCsr, readCsr, spkiSha256, toPem } from '../../src/x509/index.ts';
import { at, encodeTlv, members, readTlv, type Tlv } from '../support/tlv.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-csr-'));
after(() => rmSync(dir, { recursive: true }));
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const LABEL = 'CERTIFICATE REQUEST';
const { privateKey, publicKey } = generateKeyPair();
const csr = makeCsr({ subject: 'm2me-0001', key: privateKey });

const refused = (input: Uint8Array | string, why?: RegExp) =>
  assert.throws(() => readCsr(input), { code: 'csr-invalid', ...(why === undefined ? {} : { message: why }) });

/** The request changed and signed anew by `key`, so that nothing but the change is wrong. */
function forged(change: (root: Tlv) => void, key = privateKey): Buffer {
  const root = readTlv(csr);
  change(root);
  const signature = sign('sha256', encodeTlv(at(root, 0)), key);
  at(root, 2).value = Buffer.concat([Buffer.of(0), signature]);
  return encodeTlv(root);
}

const text = (tag: number, value: string): Tlv => ({ tag, value: Buffer.from(value) });
const commonName = (value: Tlv): Tlv => ({
  tag: 0x31,
  value: [{ tag: 0x30, value: [{ tag: 0x06, value: Buffer.from('550403', 'hex') }, value] }],
});

test('a request signed by another key, or changed after it was signed', () => {
  refused(
    forged(() => undefined, generateKeyPair().privateKey),
    /not by its own key/,
  );
  const changed = readTlv(csr);
  at(changed, 0, 1, 0, 0, 1).value = Buffer.from('m2me-0002');
  refused(encodeTlv(changed), /not by its own key/);
  const swapped = readTlv(csr);
  at(swapped, 0, 2).value = members(at(readTlv(makeCsr({ subject: 'x', key: generateKeyPair().privateKey })), 0, 2));
  refused(encodeTlv(swapped), /not by its own key/);
});

test('a key that is not on P-256, or not written as certificates write it', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  assert.throws(() => makeCsr({ subject: 'm2me-0001', key: rsa.privateKey }), { code: 'key-invalid' });
  openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'rsa.key', '-out', 'rsa.csr', '-subj', '/CN=x');
  refused(readFileSync(join(dir, 'rsa.csr'), 'utf8'), /signature algorithm/);
  for (const [curve, digest] of [
    ['P-384', '-sha256'],
    ['P-256', '-sha384'],
  ] as const) {
    const key = ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`, '-nodes', '-keyout', 'ec.key'];
    openssl('req', '-new', ...key, digest, '-out', 'ec.csr', '-subj', '/CN=x');
    refused(readFileSync(join(dir, 'ec.csr'), 'utf8'), curve === 'P-384' ? /P-256/ : /signature algorithm/);
  }
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'short.key', '-conv_form', 'compressed');
  openssl('ec', '-in', 'short.key', '-conv_form', 'compressed', '-out', 'compressed.key');
  openssl('req', '-new', '-key', 'compressed.key', '-out', 'compressed.csr', '-subj', '/CN=x');
  refused(readFileSync(join(dir, 'compressed.csr'), 'utf8'), /P-256/);
  const point = forged((root) => {
    const bits = at(root, 0, 2, 1).value;
    if (Buffer.isBuffer(bits)) bits[40] = (bits[40] ?? 0) ^ 1;
  });
  refused(point);
});

test('a name without a common name, with two, with one that is no text or too long', () => {
  const named = (...rdns: Tlv[]) =>
    forged((root) => {
      at(root, 0, 1).value = rdns;
    });
  refused(named(), /common name/);
  refused(named(commonName(text(0x0c, 'a')), commonName(text(0x0c, 'b'))), /common name/);
  refused(named(commonName(text(0x0c, ''))), /text/);
  refused(named(commonName(text(0x0c, 'a\u0000b'))), /text/);
  refused(named(commonName(text(0x0c, 'm2me-0001\nCN=m2me-0002'))), /text/);
  refused(named(commonName({ tag: 0x0c, value: Buffer.from([0xc3, 0x28]) })), /text/);
  refused(named(commonName(text(0x0c, 'x'.repeat(65)))), /text/);
  refused(named(commonName(text(0x13, 'm2me_0001'))), /text/);
  refused(named(commonName(text(0x1e, '\0x'))), /UTF8String/);
  assert.equal(readCsr(named(commonName(text(0x13, 'm2me-0001')))).subject, 'm2me-0001');
  assert.equal(readCsr(named(commonName(text(0x0c, 'ü'.repeat(64))))).subject.length, 64);
  for (const subject of ['', 'x'.repeat(65), 'a\nb']) {
    assert.throws(() => makeCsr({ subject, key: privateKey }), { code: 'csr-invalid' });
  }
});

test('another version, members out of place, attributes twice or unsorted', () => {
  refused(
    forged((root) => {
      at(root, 0, 0).value = Buffer.of(1);
    }),
    /version/,
  );
  refused(forged((root) => void members(at(root, 0)).pop()));
  refused(forged((root) => void members(root).push({ tag: 0x05, value: Buffer.alloc(0) })));
  const attribute = (last: number, value = [text(0x0c, 'x')]): Tlv => ({
    tag: 0x30,
    value: [
      { tag: 0x06, value: Buffer.from([0x2a, last]) },
      { tag: 0x31, value },
    ],
  });
  const withAttributes = (...list: Tlv[]) =>
    forged((root) => {
      at(root, 0, 3).value = list;
    });
  assert.equal(readCsr(withAttributes(attribute(1), attribute(2))).subject, 'm2me-0001');
  refused(withAttributes(attribute(2), attribute(1)));
  refused(withAttributes(attribute(1), attribute(1)), /twice/);
  refused(withAttributes(attribute(1, [])), /empty/);
});

test('what is not one strict request: BER, trailing octets, cuts, two blocks, other labels, too much', () => {
  const pem = toPem(csr, LABEL);
  refused('');
  refused(Buffer.alloc(0));
  refused('hello');
  refused(pem + pem, /one PEM block/);
  refused(`x${pem}`, /one PEM block/);
  refused(pem.replaceAll(LABEL, 'CERTIFICATE'), /one PEM block/);
  refused(pem.replace('-----END', '-----BEGIN'), /one PEM block/);
  refused(pem.replace(/.\n/, '\n'), /one PEM block/);
  refused(Buffer.concat([csr, Buffer.of(5, 0)]));
  for (let length = 0; length < csr.length; length++) refused(csr.subarray(0, length));
  refused(Buffer.concat([Buffer.of(0x30, 0x83, 0), csr.subarray(1)]));
  refused(Buffer.alloc(9000, 0x30));
});

test('every single-bit change of a request is refused', () => {
  for (let i = 0; i < csr.length * 8; i++) {
    const bent = Buffer.from(csr);
    bent[i >> 3] = (bent[i >> 3] ?? 0) ^ (1 << (i & 7));
    assert.throws(() => readCsr(bent), { code: 'csr-invalid' }, `bit ${i}`);
  }
});

test('a request is read back, in every armour that the field has', () => {
  const read = readCsr(csr);
  assert.equal(read.subject, 'm2me-0001');
  assert.equal(read.spkiSha256, spkiSha256(publicKey).toString('hex'));
  const pem = toPem(csr, LABEL);
  const blanks = pem.replaceAll('-----BEGIN', '----- BEGIN').replaceAll('REQUEST-----', 'REQUEST -----');
  const oneLine = `-----BEGIN ${LABEL}-----${csr.toString('base64')}-----END ${LABEL}-----`;
  for (const form of [
    pem,
    pem.replaceAll('\n', '\r\n'),
    blanks,
    blanks.replace('----- END', '-----END'),
    `\n${pem}\n`,
    oneLine,
  ]) {
    assert.deepEqual(readCsr(form).der, csr);
  }
});

test('openssl verifies our request, and we read its', () => {
  writeFileSync(join(dir, 'ours.csr'), toPem(csr, LABEL));
  const shown = openssl('req', '-verify', '-in', 'ours.csr', '-noout', '-subject', '-text').toString();
  assert.match(shown, /CN = m2me-0001/);
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'theirs.key'];
  const subject = ['-subj', '/C=DE/O=Example/CN=m2me-0007'];
  openssl('req', '-new', ...ec, '-out', 'theirs.csr', ...subject, '-addext', 'basicConstraints=critical,CA:TRUE');
  assert.equal(readCsr(readFileSync(join(dir, 'theirs.csr'), 'utf8')).subject, 'm2me-0007');
  openssl('req', '-in', 'theirs.csr', '-outform', 'DER', '-out', 'theirs.der');
  assert.equal(readCsr(readFileSync(join(dir, 'theirs.der'))).subject, 'm2me-0007');
});
