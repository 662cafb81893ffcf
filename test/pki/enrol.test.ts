import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { codeOf, GbaError, silentLog, systemRandom } from '../../src/base/index.ts';
import { UA_PKI_PORTAL } from '../../src/gba/index.ts';
import { type Answer, createClient, type HttpClient, listen } from '../../src/http/index.ts';
import { readAuthority } from '../../src/m2me/enrol-exchange.ts';
import { type EnrolOptions, enrol } from '../../src/m2me/index.ts';
import { bootstrap } from '../../src/m2me/ub-client.ts';
import { createZnClient, gbaAuth } from '../../src/naf/index.ts';
import {
  type Certificate,
  type CertificateRequest,
  generateKeyPair,
  issueCertificate,
  readCertificate,
  readCrl,
  subjectNameOf,
  toPem,
  verifyDevice,
} from '../../src/x509/index.ts';
import { BSF, NAF } from '../bsf/support.ts';
import { makeTre, mcimA, mcimB } from '../m2me/support.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { makeTestPki } from '../support/pki.ts';
import { type Lab, M2ME, PORTAL, startPortal } from './support.ts';

const pki = makeTestPki([BSF, NAF, PORTAL]);
let lab: Lab;
let machine: Awaited<ReturnType<typeof startMachine>>;
let pinned: Certificate;
const open = new Set<() => unknown>();
before(async () => {
  lab = await startPortal({ pki, config: { https: true, algorithm: 'SHA-256', maxKeys: 64 } });
  machine = await startMachine();
  pinned = readCertificate(lab.authority.certificate);
});
after(async () => {
  for (const close of open) close();
  await lab.close();
});

/** A machine that bootstraps with the BSF; `wrap` stands between it and the portal. */
async function startMachine(mcim = mcimA({ bsf: { fqdn: BSF, url: lab.bsf.ub } })) {
  lab.bsf.hss.add(mcim.impi, mcim);
  const { tre } = await makeTre({ commissioned: false });
  await tre.commission(mcim);
  const state = { runs: 0, requests: 0 };
  return {
    state,
    options(wrap: (client: HttpClient) => HttpClient = (client) => client): EnrolOptions {
      const client = createClient({ url: lab.url, serverName: PORTAL, tls: { ca: pki.pem(PORTAL).ca } });
      open.add(() => client.close());
      return {
        fqdn: PORTAL,
        client: wrap({
          ...client,
          send(...request) {
            state.requests++;
            return client.send(...request);
          },
        }),
        keys: {
          key: async (fqdn, uaId) => (await tre.nafKeys(fqdn, uaId))[0],
          async renew() {
            state.runs++;
            const connect = (bsf: { url: string }) => createClient({ url: bsf.url });
            await bootstrap({ tre, connect, clock: lab.deps.clock, random: systemRandom, log: silentLog });
          },
        },
        clock: lab.deps.clock,
        random: systemRandom,
        subject: M2ME,
        key: generateKeyPair().privateKey,
      };
    },
  };
}

const refused = async (code: string, options: EnrolOptions, retryable = false) => {
  await assert.rejects(enrol(options), (error: unknown) => {
    assert.equal(codeOf(error), code);
    assert.equal(error instanceof GbaError && error.retryable, retryable, `${code} retryable`);
    return true;
  });
};

/** Changes proven answers on their way to the machine. */
const tampering =
  (change: (answer: Answer, method: string) => void) =>
  (client: HttpClient): HttpClient => ({
    ...client,
    async send(method, path, sending) {
      const answer = await client.send(method, path, sending);
      if (answer.status !== 401) change(answer, method);
      return answer;
    },
  });

/** A portal that knows Ks_NAF, and answers every request with this. */
async function dishonestPortal(der: Uint8Array, type = 'application/x-x509-user-cert'): Promise<HttpClient> {
  const tls = pki.pem(PORTAL);
  const zn = createZnClient({ routes: [{ bsf: BSF, peer: { url: lab.bsf.sbi, serverName: BSF } }], tls });
  const auth = gbaAuth({ fqdn: PORTAL, zn, clock: lab.deps.clock, uaId: UA_PKI_PORTAL, qop: 'auth-int' });
  const body = toPem(der, 'CERTIFICATE');
  const listener = auth.protect((_req, res) => void res.setHeader('content-type', type).end(body));
  const server = await listen(listener, { address: '127.0.0.1', port: 0, tls });
  const url = `https://127.0.0.1:${server.port}`;
  const portal = createClient({ url, serverName: PORTAL, tls: { ca: tls.ca } });
  open.add(() => {
    portal.close();
    zn.close();
    void server.close();
  });
  return portal;
}

test('a subject of another machine is refused for good', async () => {
  await refused('enrol-forbidden', { ...machine.options(), subject: 'm2me-0003' });
});

test('a subscriber that may not enrol is refused for good', async () => {
  const other = await startMachine(mcimB({ bsf: { fqdn: BSF, url: lab.bsf.ub } }));
  await refused('enrol-forbidden', other.options());
});

test('a refusal that nobody vouches for is a delay, whatever it says', async () => {
  const forbidden = (answer: Answer) => {
    answer.status = 403;
    answer.body = Buffer.from('{"cause":"enrol-forbidden"}');
  };
  await refused('enrol-unproved', machine.options(tampering(forbidden)), true);
  const stripped = (answer: Answer) => {
    forbidden(answer);
    delete answer.headers['authentication-info'];
  };
  await refused('enrol-unproved', machine.options(tampering(stripped)), true);
  const garbled = (answer: Answer) => {
    forbidden(answer);
    answer.headers['authentication-info'] = 'rspauth="x"';
  };
  await refused('enrol-unproved', machine.options(tampering(garbled)), true);
  const early = (client: HttpClient): HttpClient => ({
    ...client,
    async send(...request) {
      const answer = await client.send(...request);
      forbidden(answer);
      return answer;
    },
  });
  await refused('ua-unproved', machine.options(early), true);
});

test('an answer that was changed on the way, or is not signed, or not over its body', async () => {
  await refused(
    'ua-rspauth-invalid',
    machine.options(
      tampering((answer) => {
        answer.body = Buffer.concat([answer.body, Buffer.from('\n')]);
      }),
    ),
  );
  await refused(
    'ua-rspauth-invalid',
    machine.options(tampering((answer) => delete answer.headers['authentication-info'])),
  );
  await refused(
    'ua-rspauth-invalid',
    machine.options(
      tampering((answer) => {
        answer.headers['authentication-info'] = String(answer.headers['authentication-info']).replace(
          'auth-int',
          'auth',
        );
      }),
    ),
  );
});

test('a portal that gives the certificate of another key, subject, authority or time, or none', async () => {
  const { privateKey: key, publicKey } = generateKeyPair();
  const issue = (change: Partial<CertificateRequest> = {}) =>
    issueCertificate({
      subject: M2ME,
      publicKey,
      issuer: lab.authority,
      notBefore: lab.time.now - 1000,
      notAfter: lab.time.now + 100_000,
      serial: systemRandom.bytes(16),
      ...change,
    });
  const options = async (der: Buffer, type?: string): Promise<EnrolOptions> => {
    const portal = await dishonestPortal(der, type);
    return { ...machine.options(() => portal), key, authorities: [pinned] };
  };
  const given = async (code: string, der: Buffer, type?: string) => await refused(code, await options(der, type));
  await given('enrol-wrong-key', (await makeSigner(M2ME, lab.authority)).certificate);
  await given('certificate-wrong-subject', await issue({ subject: 'm2me-0002' }));
  await given('certificate-untrusted', await issue({ issuer: await makeAuthority('Operator A subscribers') }));
  await given('certificate-untrusted', await issue({ issuer: { selfSigned: key } }));
  await given('certificate-expired', await issue({ notAfter: lab.time.now - 1000, notBefore: lab.time.now - 9000 }));
  await given('certificate-not-yet-valid', await issue({ notBefore: lab.time.now + 50_000 }));
  await given('certificate-wrong-usage', await issue({ usage: 'encrypt' }));
  await given('enrol-answer-invalid', await issue(), 'application/x-x509-ca-cert');
  await given('enrol-answer-invalid', Buffer.from('hello'));
  await given('enrol-answer-invalid', Buffer.concat([await issue(), await issue()]));
  assert.equal((await enrol(await options(await issue()))).authority, pinned);
});

test('an authority of another name than the one asked for', async () => {
  const { certificate } = await makeAuthority('Other');
  const honest = tampering((answer, method) => {
    if (method === 'GET') answer.body = Buffer.from(toPem(certificate, 'CERTIFICATE'));
  });
  await refused('ua-rspauth-invalid', machine.options(honest));
  // The exchange alone: a portal that signs what it likes.
  const answer = { status: 200, contentType: 'application/x-x509-ca-cert', cause: '', proved: 'auth-int' as const };
  const body = (der: Buffer) => Buffer.from(toPem(der, 'CERTIFICATE'));
  const name = subjectNameOf(pinned);
  assert.throws(() => readAuthority({ ...answer, body: body(certificate) }, name), { code: 'enrol-answer-invalid' });
  const good = { ...answer, body: body(pinned.der) };
  assert.deepEqual(readAuthority(good, name).der, pinned.der);
  // `auth` does not cover the body.
  assert.throws(() => readAuthority({ ...good, proved: 'auth' }, name), { code: 'enrol-unproved', retryable: true });
  assert.throws(() => readAuthority({ ...good, status: 409 }, name), { code: 'enrol-refused', retryable: true });
  assert.throws(() => readAuthority({ ...good, status: 400 }, name), { code: 'enrol-refused', retryable: false });
});

test('a portal at another address, or with another name in its certificate', async () => {
  const client = createClient({ url: lab.url, serverName: NAF, tls: { ca: pki.pem(PORTAL).ca } });
  open.add(() => client.close());
  await refused('peer-unreachable', { ...machine.options(), client }, true);
  await refused('ua-realm-mismatch', { ...machine.options(), fqdn: NAF });
  await refused('enrol-not-found', { ...machine.options(), paths: { enrol: '/elsewhere' } });
});

test('a machine without a factory key gets a certificate that a verifier believes', async () => {
  const { state } = machine;
  const options = machine.options();
  const { certificate, authority } = await enrol(options);
  const { runs } = state;
  assert.deepEqual(authority.der, lab.authority.certificate);
  const trust = { authorities: [pinned], crls: [readCrl(lab.crlFile())], subject: M2ME, atMs: lab.time.now };
  verifyDevice(certificate, { ...trust, usage: 'digitalSignature' });
  // Again, with the authority pinned, and after the bootstrapping has ended: the same certificate.
  lab.time.now += 3_700_000;
  const again = await enrol({ ...options, authorities: [pinned] });
  assert.deepEqual(again.certificate.der, certificate.der);
  assert.equal(state.runs, runs + 1);
});

test('a lost answer costs nothing: asking again gives the certificate that was issued', async () => {
  const key = generateKeyPair().privateKey;
  let lost = 0;
  const options = machine.options((client) => ({
    ...client,
    async send(...request) {
      const answer = await client.send(...request);
      if (answer.status === 200 && lost++ === 0) throw new GbaError('peer-unreachable', 'lost', { retryable: true });
      return answer;
    },
  }));
  const issued = async () => (await lab.deps.store.list('pki-certificate')).length;
  const before = await issued();
  await refused('peer-unreachable', { ...options, key }, true);
  await enrol({ ...options, key });
  assert.equal(await issued(), before + 1);
});

test('a key that is not on P-256 never leaves the machine', async () => {
  const before = machine.state.requests;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await refused('key-invalid', { ...machine.options(), key: privateKey });
  assert.equal(machine.state.requests, before);
});
