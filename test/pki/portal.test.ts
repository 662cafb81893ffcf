import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createSqnState } from '../../src/aka/index.ts';
import { computeRspauth, parseAuthenticationInfo, parseChallenge } from '../../src/digest/index.ts';
import { UA_HTTP_DIGEST } from '../../src/gba/index.ts';
import {
  generateKeyPair,
  issuerNameOf,
  makeCsr,
  readCertificate,
  readCrl,
  spkiSha256,
  subjectNameOf,
  toPem,
  verifyDevice,
} from '../../src/x509/index.ts';
import { BSF } from '../bsf/support.ts';
import { ask, credentialsFor } from '../naf/support.ts';
import { makeAuthority } from '../support/certificates.ts';
import { bootstrap, type RawAnswer, uaPassword } from '../support/ue.ts';
import {
  asUe,
  causeOf,
  certificateIn,
  csrPem,
  enrolment,
  keyFor,
  type Lab,
  M2ME,
  PORTAL,
  startPortal,
  type Who,
} from './support.ts';

let lab: Lab;
let who: Who;
before(async () => {
  lab = await startPortal();
  who = await keyFor(lab);
});
after(() => lab.close());

const issued = () => lab.deps.store.list('pki-certificate').then((all) => all.length);

/** Every answer after authentication carries a right rspauth over its body. */
async function signed(request: Parameters<typeof asUe>[2], status: number, as = who): Promise<RawAnswer> {
  const authorization = credentialsFor(await ask(lab.url), as, request);
  const answer = await ask(lab.url, authorization, request);
  assert.equal(answer.status, status, answer.body.toString());
  const info = parseAuthenticationInfo(String(answer.headers['authentication-info']));
  const nonce = /nonce="([^"]*)"/.exec(authorization)?.[1] ?? '';
  const cnonce = '0a4f113b0a4f113b';
  const fields = {
    username: as.btid,
    realm: `3GPP-bootstrapping@${PORTAL}`,
    nonce,
    uri: request.target ?? '/',
    cnonce,
  };
  const proof = { ...fields, qop: 'auth-int' as const, nc: '00000001', algorithm: 'MD5' };
  const rspauth = computeRspauth({ ...proof, password: Buffer.from(as.password), body: answer.body });
  assert.deepEqual(info, { rspauth, qop: 'auth-int', cnonce, nc: '00000001' });
  return answer;
}

test('nobody gets anything without bootstrapping; the challenge asks for auth-int', async () => {
  const before = await issued();
  for (const request of [enrolment(csrPem()), { target: '/getcertificate?in=MAA=' }, { target: '/other' }]) {
    const answer = await ask(lab.url, undefined, request);
    assert.equal(answer.status, 401);
    const { realm, qop } = parseChallenge(String(answer.headers['www-authenticate']));
    assert.deepEqual([realm, qop], [`3GPP-bootstrapping@${PORTAL}`, ['auth-int']]);
  }
  assert.equal(await issued(), before);
});

test('the key for plain HTTP Digest is not the key of the portal', async () => {
  const run = await bootstrap(lab.bsf.ub, lab.bsf.subscriber, BSF);
  const key = { btid: run.btid, password: uaPassword(run, PORTAL, UA_HTTP_DIGEST) };
  assert.equal((await asUe(lab, key, enrolment(csrPem()))).status, 401);
  assert.equal(lab.lastCode(), 'digest-wrong');
});

test('no request, a broken one, two of them, one that another key signed, an RSA key', async () => {
  const before = await issued();
  const rsa = ['-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null'];
  const wrongKey = csrPem().split('\n');
  wrongKey[3] = csrPem().split('\n')[3] ?? '';
  for (const body of [
    '',
    'hello',
    csrPem() + csrPem(),
    toPem(makeCsr({ subject: M2ME, key: generateKeyPair().privateKey }), 'CERTIFICATE'),
    wrongKey.join('\n'),
    execFileSync('openssl', ['req', '-new', ...rsa, '-subj', `/CN=${M2ME}`], { stdio: 'pipe' }).toString(),
  ]) {
    assert.equal(causeOf(await signed(enrolment(body), 400)), 'csr-invalid', body);
  }
  assert.equal(await issued(), before);
});

test('another media type, response types that are not given, methods and paths that are not there', async () => {
  const headers = { 'content-type': 'application/json' };
  assert.equal(causeOf(await signed(enrolment(csrPem(), { headers }), 415)), 'media-type-unsupported');
  for (const query of ['response=pointer', 'response=', 'response=Single', 'response=single&response=chain']) {
    const answer = await signed(enrolment(csrPem(), { target: `/enrol?${query}` }), 400);
    assert.equal(causeOf(answer), 'response-type-unsupported', query);
  }
  await signed({ target: '/enrol' }, 405);
  await signed({ target: '/other' }, 404);
});

test('a huge body is refused before it is read whole', async () => {
  const answer = await asUe(lab, who, enrolment('x'.repeat(100_000)));
  assert.equal(answer.status, 413);
});

test('a subject of somebody else, and a subscriber who may not enrol: 403 as a page', async () => {
  const before = await issued();
  const forbidden = async (body: string, reason: string, as?: Who) => {
    const answer = await signed(enrolment(body), 403, as);
    assert.equal(answer.headers['content-type'], 'text/html');
    assert.match(answer.body.toString(), new RegExp(reason));
  };
  await forbidden(csrPem('m2me-0003'), 'subject-forbidden');
  await forbidden(csrPem(`${M2ME} `), 'subject-forbidden');
  await forbidden(csrPem(M2ME.toUpperCase()), 'subject-forbidden');
  await forbidden(csrPem(), 'enrolment-forbidden', await keyFor(lab, lab.stranger));
  // Before its request is looked at.
  await forbidden('hello', 'enrolment-forbidden', await keyFor(lab, lab.stranger));
  assert.equal(await issued(), before);
});

test('a body changed on the way, a replayed request and a bootstrapping that has ended get a challenge', async () => {
  const before = await issued();
  const request = enrolment(csrPem());
  const authorization = credentialsFor(await ask(lab.url), who, request);
  const changed = await ask(lab.url, authorization, { ...request, body: csrPem() });
  assert.equal(changed.status, 401);
  assert.equal(lab.lastCode(), 'digest-wrong');
  assert.equal((await ask(lab.url, authorization, request)).status, 200);
  const replayed = await ask(lab.url, authorization, request);
  assert.equal(replayed.status, 401);
  assert.equal(lab.lastCode(), 'nc-replayed');
  assert.equal(parseChallenge(String(replayed.headers['www-authenticate'])).stale, true);
  assert.equal(await issued(), before + 1);
  lab.time.now += 3_601_000;
  assert.equal((await asUe(lab, who, request)).status, 401);
  assert.equal(lab.lastCode(), 'btid-unknown');
  who = await keyFor(lab);
});

test('a certificate for the key asked for, by the authority, for signing alone', async () => {
  const { privateKey, publicKey } = generateKeyPair();
  const answer = await signed(enrolment(csrPem('m2me-0002', privateKey)), 200);
  assert.equal(answer.headers['content-type'], 'application/x-x509-user-cert');
  const certificate = readCertificate(certificateIn(answer));
  const authority = readCertificate(lab.authority.certificate);
  const trust = { authorities: [authority], crls: [readCrl(lab.crlFile())], subject: 'm2me-0002', atMs: lab.time.now };
  verifyDevice(certificate, { ...trust, usage: 'digitalSignature' });
  assert.throws(() => verifyDevice(certificate, { ...trust, usage: 'keyAgreement' }), {
    code: 'certificate-wrong-usage',
  });
  assert.throws(() => verifyDevice(certificate, { ...trust, usage: 'keyCertSign' }), {
    code: 'certificate-wrong-usage',
  });
  assert.equal(certificate.spkiSha256, spkiSha256(publicKey).toString('hex'));
  assert.deepEqual(issuerNameOf(certificate), subjectNameOf(authority));
  assert.ok(certificate.notBefore <= lab.time.now);
  assert.equal(certificate.notAfter, Math.floor(lab.time.now / 1000) * 1000 + lab.config.certificateSeconds * 1000);
});

test('what openssl asks for is given; what it asks besides is not', async () => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: lab.dir, stdio: 'pipe' }).toString();
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'new.key'];
  const more = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'subjectAltName=DNS:sho-a.test'];
  const body = openssl('req', '-new', ...ec, '-subj', `/O=Example/CN=${M2ME}`, ...more);
  const blanks = body.replace('-----BEGIN', '----- BEGIN').replace('REQUEST-----\n', 'REQUEST -----\r\n');
  const answer = await signed(enrolment(blanks, { target: '/enrol' }), 200);
  writeFileSync(join(lab.dir, 'got.pem'), answer.body);
  writeFileSync(join(lab.dir, 'ca.pem'), toPem(lab.authority.certificate, 'CERTIFICATE'));
  const attime = ['-attime', String(Math.floor(lab.time.now / 1000))];
  openssl('verify', ...attime, '-crl_check', '-CRLfile', 'list.pem', '-CAfile', 'ca.pem', 'got.pem');
  const shown = openssl('x509', '-in', 'got.pem', '-noout', '-text');
  assert.match(shown, /CA:FALSE/);
  assert.doesNotMatch(shown, /sho-a.test|Example/);
});

test('a chain is the authority and the certificate, in DER', async () => {
  const body = csrPem(M2ME, generateKeyPair().privateKey);
  const single = certificateIn(await signed(enrolment(body), 200));
  const answer = await signed(enrolment(body, { target: '/enrol?response=chain' }), 200);
  assert.equal(answer.headers['content-type'], 'application/pkix-pkipath');
  const { certificate } = lab.authority;
  assert.deepEqual(answer.body.subarray(-single.length), single);
  assert.deepEqual(answer.body.subarray(-single.length - certificate.length, -single.length), certificate);
  assert.equal(answer.body.readUInt16BE(2), single.length + certificate.length);
});

test('the authority by its name; another name is not found, what is no name is refused', async () => {
  const name = subjectNameOf(readCertificate(lab.authority.certificate)).toString('base64');
  for (const text of [name, encodeURIComponent(name)]) {
    const answer = await signed({ target: `/getcertificate?in=${text}` }, 200);
    assert.equal(answer.headers['content-type'], 'application/x-x509-ca-cert');
    assert.deepEqual(certificateIn(answer), lab.authority.certificate);
  }
  const other = subjectNameOf(readCertificate((await makeAuthority('Other')).certificate)).toString('base64');
  assert.equal(causeOf(await signed({ target: `/getcertificate?in=${other}` }, 404)), 'issuer-unknown');
  for (const query of ['', '?in=', '?in=x', '?in=MAA', '?in=MIAAAA==', `?in=${name}&in=${name}`]) {
    assert.equal(causeOf(await signed({ target: `/getcertificate${query}` }, 400)), 'issuer-invalid', query);
  }
});

test('a whole portal URI, as it comes through a proxy, is the same resource', async () => {
  const name = encodeURIComponent(subjectNameOf(readCertificate(lab.authority.certificate)).toString('base64'));
  const target = `http://${PORTAL}:1234/getcertificate?in=${name}`;
  await signed({ target }, 200);
  assert.equal((await ask(lab.url, undefined, { target: `http://${PORTAL}/crl` })).status, 200);
});

test('the revocation list is for everybody', async () => {
  const answer = await ask(lab.url, undefined, { target: '/crl' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/pkix-crl');
  assert.deepEqual(answer.body, readCrl(lab.crlFile()).der);
});

test('with user security settings the flag decides', async () => {
  const guarded = await startPortal({ pki: lab.pki, config: { uss: { gsId: 1 } } });
  const { subscriber, hss } = guarded.bsf;
  const statusWith = async (uss: { gsId: number; flags?: { flag: number }[] }[] | undefined) => {
    const list = uss?.map((one) => ({ gsType: 1, ueIds: [{ ueId: 'x' }], ...one }));
    hss.add(subscriber.impi, subscriber.keys, list === undefined ? {} : { uss: list });
    subscriber.sqn = createSqnState();
    const answer = await asUe(guarded, await keyFor(guarded), enrolment(csrPem()));
    assert.match(String(answer.headers['authentication-info']), /rspauth/);
    return answer.status;
  };
  assert.equal(await statusWith(undefined), 403);
  assert.equal(await statusWith([{ gsId: 1 }]), 403);
  assert.equal(await statusWith([{ gsId: 1, flags: [{ flag: 2 }] }]), 403);
  assert.equal(await statusWith([{ gsId: 2, flags: [{ flag: 1 }] }]), 403);
  assert.equal(await statusWith([{ gsId: 1, flags: [{ flag: 2 }, { flag: 1 }] }]), 200);
  await guarded.close();
});
