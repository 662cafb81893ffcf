import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { codeOf, GbaError, silentLog, systemRandom } from '../../src/base/index.ts';
import { createClient, type HttpClient } from '../../src/http/index.ts';
import { createUaClient } from '../../src/m2me/ua-client.ts';
import { bootstrap } from '../../src/m2me/ub-client.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { closeNafs, PAGE, startNaf } from '../naf/support.ts';
import { makeTestPki } from '../support/pki.ts';
import { makeTre, mcimA } from './support.ts';

const pki = makeTestPki([BSF, NAF]);
const open = new Set<() => unknown>();
after(async () => {
  await Promise.all([...open].map((close) => close()));
  await closeNafs();
});

/** A machine with a Ua client for a real NAF in front of a real BSF; `wrapClient` stands between them. */
async function start(
  options: {
    tls?: boolean;
    naf?: Parameters<typeof startNaf>[1];
    wrapClient?: (client: HttpClient) => HttpClient;
  } = {},
) {
  const lab = await startTestBsf({ pki });
  open.add(() => lab.bsf.close());
  lab.hss.add(mcimA().impi, mcimA());
  const naf = await startNaf(lab, { tls: options.tls ?? true, ...options.naf });
  const { tre } = await makeTre({ commissioned: false });
  await tre.commission(mcimA({ bsf: { fqdn: BSF, url: lab.ub } }));
  const state = { runs: 0, now: lab.time.now };
  const clock = { now: () => lab.time.now };
  const client = createClient({ url: naf.url, serverName: NAF, tls: { ca: pki.pem(NAF).ca } });
  const ua = createUaClient({
    fqdn: NAF,
    client: options.wrapClient?.(client) ?? client,
    keys: {
      key: async (fqdn, uaId) => (await tre.nafKeys(fqdn, uaId))[0],
      async renew() {
        state.runs++;
        const connect = (bsf: { url: string }) => createClient({ url: bsf.url });
        await bootstrap({ tre, connect, clock, random: systemRandom, log: silentLog });
      },
    },
    clock,
    random: systemRandom,
  });
  open.add(() => ua.close());
  return { lab, naf, tre, ua, state };
}

const rejects = (work: Promise<unknown>, code: string) =>
  assert.rejects(work, (error: unknown) => codeOf(error) === code, code);

/** Changes header values of answers on their way to the client. */
function tampering(change: (headers: Record<string, string | string[] | undefined>, status: number) => void) {
  return (client: HttpClient): HttpClient => ({
    ...client,
    async send(...request) {
      const answer = await client.send(...request);
      change(answer.headers, answer.status);
      return answer;
    },
  });
}

test('inside TLS the key is of the suite of the connection; Ub runs once, later requests need no challenge', async () => {
  const { ua, state, naf, tre } = await start();
  const first = await ua.send('GET', '/a');
  assert.equal(first.body.toString(), PAGE);
  assert.equal(first.btid, (await tre.contexts())[0]?.btid);
  assert.equal(ua.uaIds()[0]?.slice(0, 3).toString(), Buffer.from([1, 0, 1]).toString());
  const refused = naf.codes.length;
  await ua.send('POST', '/b?x=1', { json: { a: 1 } });
  assert.equal(naf.codes.length, refused);
  assert.equal(state.runs, 1);
});

test('on plain HTTP auth-int covers the body in both directions', async () => {
  const { ua } = await start({ tls: false });
  assert.equal((await ua.send('POST', '/', { bytes: Buffer.from('octets') })).body.toString(), 'octets');
});

test('a stale nonce is answered with the same key, without Ub', async () => {
  const { ua, lab, state } = await start();
  await ua.send('GET', '/');
  lab.time.now += 301_000;
  assert.equal((await ua.send('GET', '/')).status, 200);
  assert.equal(state.runs, 1);
});

test('a B-TID that no longer serves leads to one new bootstrapping', async () => {
  const { ua, lab, naf, state } = await start();
  const { btid } = await ua.send('GET', '/');
  await lab.store.commit(
    (await lab.store.list('bsf-context')).map(({ key }) => ({ space: 'bsf-context', key, delete: true as const })),
  );
  naf.naf.forget(btid);
  lab.time.now += 3_600_000;
  assert.notEqual((await ua.send('GET', '/')).btid, btid);
  assert.equal(state.runs, 2);
});

test('a NAF that takes no key at all: Ub runs once for the request, then it is refused', async () => {
  const { ua, state } = await start({
    naf: { zn: { fetch: () => Promise.reject(new GbaError('btid-unknown', 'no such B-TID')) } },
  });
  await rejects(ua.send('GET', '/'), 'ua-refused');
  assert.equal(state.runs, 1);
});

test('the realm of another host, though the certificate is right', async () => {
  const { ua, state } = await start({
    wrapClient: tampering((headers) => {
      const header = headers['www-authenticate'];
      if (header !== undefined) headers['www-authenticate'] = String(header).replace(NAF, 'evil.test');
    }),
  });
  await rejects(ua.send('GET', '/'), 'ua-realm-mismatch');
  assert.equal(state.runs, 0);
});

test('a challenge without qop would give no proof: refused', async () => {
  const { ua } = await start({
    wrapClient: tampering((headers) => {
      const header = headers['www-authenticate'];
      if (header !== undefined) headers['www-authenticate'] = String(header).replace(/, qop="[^"]*"/, '');
    }),
  });
  await rejects(ua.send('GET', '/'), 'ua-challenge-invalid');
});

test('an answer without a right rspauth is not believed', async () => {
  const missing = await start({ wrapClient: tampering((headers) => delete headers['authentication-info']) });
  await rejects(missing.ua.send('GET', '/'), 'ua-rspauth-invalid');
  const wrong = await start({
    wrapClient: tampering((headers) => {
      const header = String(headers['authentication-info'] ?? '');
      headers['authentication-info'] = header.replace(
        /rspauth="(.)/,
        (_, first) => `rspauth="${first === '0' ? '1' : '0'}`,
      );
    }),
  });
  await rejects(wrong.ua.send('GET', '/'), 'ua-rspauth-invalid');
});

test('a server that answers without asking who we are is not believed', async () => {
  const server = createServer((_req, res) => res.end('hello')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  open.add(() => void server.close());
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  const keys = { key: () => Promise.resolve(undefined), renew: () => Promise.resolve() };
  const ua = createUaClient({ fqdn: NAF, client, keys, clock: { now: () => 0 }, random: systemRandom });
  open.add(() => ua.close());
  await rejects(ua.send('GET', '/'), 'ua-rspauth-invalid');
});

test('a server whose certificate has another name gets nothing', async () => {
  const { naf } = await start();
  const client = createClient({ url: naf.url, serverName: 'ro.test', tls: { ca: pki.pem(NAF).ca } });
  open.add(() => client.close());
  await rejects(client.send('GET', '/'), 'peer-unreachable');
});
