import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptContent, acceptDownload, acceptSigner, acceptSize } from '../../src/m2me/procedures/accept-package.ts';
import { readCertificate } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { exampleClaims, fill } from '../support/claims.ts';

const authority = await makeAuthority('SHO CA');
const newSho = readCertificate((await makeSigner('sho-b.test', authority)).certificate);
const rolled = readCertificate((await makeSigner('sho-b.test', authority)).certificate);
const other = readCertificate((await makeSigner('sho-c.test', authority)).certificate);
const hash = (certificate: typeof newSho) => Buffer.from(certificate.spkiSha256, 'hex');
const claims = exampleClaims({ newSho: { id: 'sho-b.test', keyHashes: [hash(newSho), hash(other)] } });

const inside = {
  newShoId: 'sho-b.test',
  m2meId: 'm2me-0001',
  serial: claims.serial,
  bsf: { fqdn: 'bsf.sho-b.test', url: 'http://127.0.0.1:80' },
  sho: { id: 'sho-b.test', url: 'https://127.0.0.1:443' },
};

const reasonOf = (verdict: { ok: boolean; reason?: string; final?: boolean }) =>
  verdict.ok ? 'accepted' : `${verdict.reason}${verdict.final === true ? ' (final)' : ''}`;

test('a package over the limit is refused before the download; none at all is for what is stored already', () => {
  assert.equal(reasonOf(acceptSize(65_537, 65_536)), 'package-too-large');
  assert.equal(reasonOf(acceptSize(-1, 65_536)), 'package-too-large');
  assert.equal(reasonOf(acceptSize(0, 65_536)), 'accepted');
  assert.equal(reasonOf(acceptSize(65_536, 65_536)), 'accepted');
});

test('a download of other octets or another size is refused, not for good', () => {
  const announced = { size: 10, digest: fill(1) };
  assert.equal(reasonOf(acceptDownload({ size: 10, digest: fill(2) }, announced)), 'package-digest-mismatch');
  assert.equal(reasonOf(acceptDownload({ size: 9, digest: fill(1) }, announced)), 'package-digest-mismatch');
  assert.equal(reasonOf(acceptDownload({ size: 10, digest: fill(1) }, announced)), 'accepted');
});

test('a signer that is not named, or whose key is not listed, is refused, not for good', () => {
  assert.equal(reasonOf(acceptSigner(other, claims)), 'package-signer-unknown');
  assert.equal(reasonOf(acceptSigner(rolled, claims)), 'package-signer-unknown');
  assert.equal(reasonOf(acceptSigner(newSho, claims)), 'accepted');
});

for (const [what, change] of Object.entries({
  'another new SHO': { newShoId: 'sho-c.test' },
  'another operator inside the subscription': { sho: { id: 'sho-c.test', url: 'https://127.0.0.1:443' } },
  'another machine': { m2meId: 'm2me-0002' },
  'another serial': { serial: fill(1, 16) },
})) {
  test(`a package whose inside names ${what} is refused for good`, () => {
    assert.equal(reasonOf(acceptContent({ ...inside, ...change }, claims)), 'package-binding-mismatch (final)');
  });
}

for (const [what, change] of Object.entries({
  'a BSF name that is no host name': { bsf: { fqdn: 'Bsf.sho-b.test:80', url: 'http://127.0.0.1' } },
  'a BSF address that is no URL': { bsf: { fqdn: 'bsf.sho-b.test', url: '127.0.0.1' } },
  'an operator without TLS': { sho: { id: 'sho-b.test', url: 'http://127.0.0.1' } },
})) {
  test(`a subscription with ${what} could never connect: refused for good`, () => {
    assert.equal(reasonOf(acceptContent({ ...inside, ...change }, claims)), 'package-invalid (final)');
  });
}

test('what fits is accepted', () => assert.equal(reasonOf(acceptContent(inside, claims)), 'accepted'));
