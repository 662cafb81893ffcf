import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { SecretKey, systemRandom } from '../../src/base/index.ts';
import {
  decodeMcim,
  encodeMcim,
  type Mcim,
  makePackage,
  openPackage,
  packageDigest,
  verifyPackage,
} from '../../src/mcim/index.ts';
import { type Signer, signCms } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { fill } from '../support/claims.ts';

const mcim = (): Mcim => ({
  impi: '999700000000001@ims.mnc070.mcc999.3gppnetwork.org',
  algorithm: 'milenage',
  k: SecretKey.copyOf(fill(1, 16)),
  opc: SecretKey.copyOf(fill(2, 16)),
  indBits: 5,
  bsf: { fqdn: 'bsf.sho-b.test', url: 'http://127.0.0.1:1' },
  sho: { id: 'sho-b.test', url: 'https://127.0.0.1:2' },
});

let newSho: Signer;
let tre: Signer;
let otherTre: Signer;
let der: Buffer;
const serial = fill(9, 16);

before(async () => {
  const authority = await makeAuthority('CA');
  newSho = await makeSigner('sho-b.test', authority);
  tre = await makeSigner('m2me-0001', authority, 'encrypt');
  otherTre = await makeSigner('m2me-0002', authority, 'encrypt');
  const request = { newShoId: 'sho-b.test', m2meId: 'm2me-0001', serial, mcim: mcim(), random: systemRandom };
  der = await makePackage({ ...request, signer: newSho, recipientCertificate: tre.certificate });
});

test('the TRE opens its package and finds what the new SHO put in, and for whom', async () => {
  const { signer, envelope } = await verifyPackage(der);
  assert.equal(signer.subject, 'sho-b.test');
  const content = await openPackage(envelope, { key: tre.key, certificate: tre.certificate });
  assert.equal(content.newShoId, 'sho-b.test');
  assert.equal(content.m2meId, 'm2me-0001');
  assert.deepEqual(content.serial, serial);
  assert.equal(content.mcim.impi, mcim().impi);
  assert.ok(content.mcim.k.equals(mcim().k) && content.mcim.opc.equals(mcim().opc));
});

test('nobody reads key, identity or names in a package', () => {
  for (const needle of [fill(1, 16), fill(2, 16), Buffer.from(mcim().impi), Buffer.from('bsf.sho-b.test')]) {
    assert.equal(der.includes(needle), false);
  }
});

test('another TRE key does not open it and learns only that', async () => {
  const { envelope } = await verifyPackage(der);
  await assert.rejects(openPackage(envelope, { key: otherTre.key, certificate: otherTre.certificate }), {
    code: 'package-recipient-wrong',
  });
});

test('cut off, flipped or filled with something else, it is invalid', async () => {
  await assert.rejects(verifyPackage(der.subarray(0, -1)), { code: 'package-invalid' });
  const broken = Buffer.from(der);
  broken[400] = (broken[400] ?? 0) ^ 1;
  await assert.rejects(verifyPackage(broken), { code: 'package-invalid' });
  const { envelope } = await verifyPackage(await signCms(Buffer.from('not an envelope'), newSho));
  await assert.rejects(openPackage(envelope, { key: tre.key, certificate: tre.certificate }), {
    code: 'package-invalid',
  });
});

test('two packages of one subscription have different digests', async () => {
  const request = { newShoId: 'sho-b.test', m2meId: 'm2me-0001', serial, mcim: mcim(), random: systemRandom };
  const again = await makePackage({ ...request, signer: newSho, recipientCertificate: tre.certificate });
  assert.notDeepEqual(packageDigest(again), packageDigest(der));
});

test('an MCIM with a key of the wrong size or with trailing octets is refused', () => {
  const octets = encodeMcim(mcim()).bytes();
  assert.equal(decodeMcim(octets).bsf.fqdn, 'bsf.sho-b.test');
  assert.throws(() => decodeMcim(Buffer.concat([octets, Buffer.from([5, 0])])), { code: 'mcim-invalid' });
  const hex = octets.toString('hex');
  const shortKey = hex.replace(`0410${'01'.repeat(16)}`, `040f${'01'.repeat(15)}`);
  const length = (octets[2] ?? 0) - 1;
  const short = Buffer.from(shortKey.replace(/^3081../, `3081${length.toString(16)}`), 'hex');
  assert.throws(() => decodeMcim(short), { code: 'mcim-invalid' });
});

test('an MCIM that no TRE would take is not even written', async () => {
  const unfit: Partial<Mcim>[] = [
    { k: SecretKey.copyOf(fill(1, 15)) },
    { impi: '' },
    { indBits: 17 },
    { bsf: { fqdn: 'bsf.sho-b.test', url: 'ftp://127.0.0.1' } },
    { sho: { id: 'sho-b.test', url: 'nowhere' } },
  ];
  for (const change of unfit) {
    assert.throws(() => encodeMcim({ ...mcim(), ...change }), { code: 'mcim-invalid' });
    const request = { newShoId: 'sho-b.test', m2meId: 'm2me-0001', serial, random: systemRandom, signer: newSho };
    await assert.rejects(
      makePackage({ ...request, mcim: { ...mcim(), ...change }, recipientCertificate: tre.certificate }),
      { code: 'package-invalid' },
    );
  }
});
