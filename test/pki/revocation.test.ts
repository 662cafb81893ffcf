import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openAuthority, startPki } from '../../src/pki/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import {
  generateKeyPair,
  issueCertificate,
  readCertificate,
  readCrl,
  serialNumberOf,
  verifyDevice,
} from '../../src/x509/index.ts';
import { ISSUED_AT, makeAuthority, makeSigner } from '../support/certificates.ts';
import { asUe, certificateIn, csrPem, DAY, enrolment, keyFor, type Lab, M2ME, startPortal } from './support.ts';

let lab: Lab;
before(async () => {
  lab = await startPortal({ config: { maxKeys: 2 } });
});
after(() => lab.close());

const issuing = () => openAuthority(lab.config, lab.deps);
const enrol = async (key = generateKeyPair().privateKey, subject = M2ME) =>
  await asUe(lab, await keyFor(lab), enrolment(csrPem(subject, key)));
const enrolled = async (key?: Parameters<typeof enrol>[0], subject?: string) =>
  readCertificate(certificateIn(await enrol(key, subject)));
const trust = () => ({
  authorities: [readCertificate(lab.authority.certificate)],
  crls: [readCrl(lab.crlFile())],
  subject: M2ME,
  atMs: lab.time.now,
});

test('a list is there before anything is revoked, and a second start goes on counting', async () => {
  const first = readCrl(lab.crlFile());
  assert.equal(first.number, '01');
  assert.equal(first.revoked.size, 0);
  writeFileSync(lab.config.crlFile, 'overwritten');
  const again = await startPki(lab.config, lab.deps);
  assert.deepEqual(readCrl(lab.crlFile()).der, first.der);
  await again.close();
});

test('a number that was not issued here cannot be revoked', async () => {
  const { certificates } = await issuing();
  for (const serial of ['01', '', 'x\n', '../list', 'ff'.repeat(400)]) {
    await assert.rejects(certificates.revoke(serial), { code: 'certificate-unknown' });
  }
});

test('the same key again gives the same certificate, also from two requests at once', async () => {
  const { privateKey } = generateKeyPair();
  const who = await keyFor(lab);
  const requests = [1, 2, 3].map(() => asUe(lab, who, enrolment(csrPem('m2me-0002', privateKey))));
  const all = (await Promise.all(requests)).map((answer) => certificateIn(answer).toString('hex'));
  all.push((await enrolled(privateKey, 'm2me-0002')).der.toString('hex'));
  assert.equal(new Set(all).size, 1);
});

test('a revoked certificate is on the list at once and its key is never certified again; another key is', async () => {
  const { privateKey } = generateKeyPair();
  const certificate = await enrolled(privateKey);
  verifyDevice(certificate, trust());
  const { certificates, crlList } = await issuing();
  const serial = serialNumberOf(certificate);
  const record = await certificates.revoke(serial, 'key-compromise');
  assert.deepEqual(await certificates.revoke(serial, 'superseded'), record);
  const { number, count } = await crlList.publish();
  assert.equal(count, 1);
  assert.equal(readCrl(lab.crlFile()).number, number.toString(16).padStart(2, '0'));
  assert.throws(() => verifyDevice(certificate, trust()), { code: 'certificate-revoked' });
  const refused = await enrol(privateKey);
  assert.equal(refused.status, 403);
  assert.match(refused.body.toString(), /key-revoked/);
  verifyDevice(await enrolled(), trust());
});

test('a subject has so many keys, until one of them is revoked', async () => {
  const second = await enrolled();
  const refused = await enrol();
  assert.equal(refused.status, 403);
  assert.match(refused.body.toString(), /too-many-keys/);
  const { certificates } = await issuing();
  await certificates.revoke(serialNumberOf(second));
  assert.equal((await enrol()).status, 200);
});

test('a revocation whose list was never issued gets on it at the next look', async () => {
  const { certificates, crlList } = await issuing();
  await crlList.refresh();
  const before = readCrl(lab.crlFile());
  await crlList.refresh();
  assert.equal(readCrl(lab.crlFile()).number, before.number);
  const [live] = (await certificates.list()).filter(
    ({ revoked, subject }) => revoked === undefined && subject === M2ME,
  );
  assert.ok(live);
  await certificates.revoke(live.serial);
  await crlList.refresh();
  assert.ok(readCrl(lab.crlFile()).revoked.has(live.serial));
});

test('a new list in time, and the ended certificates leave it after one list more', async () => {
  const { crlList } = await issuing();
  const { number, revoked } = readCrl(lab.crlFile());
  assert.ok(revoked.size > 0);
  lab.time.now += 4 * DAY;
  await crlList.refresh();
  const next = readCrl(lab.crlFile());
  assert.notEqual(next.number, number);
  assert.ok(next.nextUpdate > lab.time.now + 6 * DAY);
  lab.time.now += 365 * DAY;
  await crlList.refresh();
  assert.equal(readCrl(lab.crlFile()).revoked.size, revoked.size);
  lab.time.now += 8 * DAY;
  await crlList.refresh();
  assert.equal(readCrl(lab.crlFile()).revoked.size, 0);
});

test('two processes at one store: numbers never repeat and the file holds the newest', async () => {
  const [a, b] = [await issuing(), await issuing()];
  const all = await Promise.all([1, 2, 3, 4].flatMap(() => [a.crlList.publish(), b.crlList.publish()]));
  const newest = readCrl((await a.crlList.current()) ?? '');
  assert.deepEqual(readCrl(lab.crlFile()).der, newest.der);
  assert.ok(all.every(({ number }) => number <= Number.parseInt(newest.number ?? '', 16)));
  assert.equal(statSync(lab.config.crlFile).mode & 0o777, 0o644);
});

test('a key gets its next certificate when the one it has is due', async () => {
  const { privateKey } = generateKeyPair();
  const first = await enrolled(privateKey);
  lab.time.now += 300 * DAY;
  assert.deepEqual((await enrolled(privateKey)).der, first.der);
  lab.time.now += 40 * DAY;
  const next = await enrolled(privateKey);
  assert.notDeepEqual(next.der, first.der);
  assert.deepEqual((await enrolled(privateKey)).der, next.der);
});

test('an authority near its end gives certificates to its end, and none after it', async () => {
  const near = ISSUED_AT + 3650 * DAY;
  const store = createMemoryStore(lab.deps.clock);
  const { certificates } = await openAuthority(lab.config, { ...lab.deps, store });
  const { privateKey, publicKey } = generateKeyPair();
  const csr = { der: Buffer.alloc(0), subject: M2ME, publicKey, spkiSha256: 'ab' };
  lab.time.now = near - 2 * DAY;
  const der = await certificates.issue('a@b', csr);
  assert.equal(readCertificate(der).notAfter, near);
  assert.deepEqual(await certificates.issue('a@b', csr), der);
  lab.time.now = near;
  await assert.rejects(certificates.issue('a@b', csr), { code: 'authority-expired' });
  assert.equal(privateKey.type, 'private');
});

test('a certificate that may not sign certificates and lists is no authority', async () => {
  const leaf = await makeSigner('leaf', await makeAuthority('Root'));
  await assert.rejects(startPortal({ pki: lab.pki, authority: leaf }), { code: 'certificate-invalid' });
  const { privateKey, publicKey } = generateKeyPair();
  const times = { notBefore: ISSUED_AT, notAfter: ISSUED_AT + DAY, serial: Buffer.alloc(16, 1) };
  const plain = await issueCertificate({ subject: 'x', publicKey, issuer: { selfSigned: privateKey }, ...times });
  const authority = { key: privateKey, certificate: plain };
  await assert.rejects(startPortal({ pki: lab.pki, authority }), { code: 'certificate-invalid' });
});

test('a list that cannot be written is an error with a name', async () => {
  const config = { ...lab.config, crlFile: '/nonexistent/list.pem' };
  const { crlList } = await openAuthority(config, lab.deps);
  await assert.rejects(crlList.publish(), { code: 'crl-file-unwritable' });
});
