import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { codeOf, silentLog, systemRandom } from '../../src/base/index.ts';
import { createClient } from '../../src/http/index.ts';
import { createUaClient } from '../../src/m2me/ua-client.ts';
import { createPskUaClient } from '../../src/m2me/ua-psk-client.ts';
import { bootstrap } from '../../src/m2me/ub-client.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { closeNafs, PAGE, startNaf } from '../naf/support.ts';
import { makeTestPki } from '../support/pki.ts';
import { makeTre, mcimA } from './support.ts';

const pki = makeTestPki([BSF, NAF]);
const { ca } = pki.pem(NAF);
const open = new Set<() => unknown>();
after(async () => {
  await Promise.all([...open].map((close) => close()));
  await closeNafs();
});

/** A machine with a PSK client for a real NAF in front of a real BSF. */
async function start(options: { auto?: boolean; psk?: boolean; naf?: Parameters<typeof startNaf>[1] } = {}) {
  const lab = await startTestBsf({ pki });
  open.add(() => lab.bsf.close());
  lab.hss.add(mcimA().impi, mcimA());
  const naf = await startNaf(lab, { tls: true, psk: options.psk ?? true, ...options.naf });
  const { tre, time } = await makeTre({ commissioned: false });
  time.now = lab.time.now;
  await tre.commission(mcimA({ bsf: { fqdn: BSF, url: lab.ub } }));
  const state = { runs: 0, connections: 0, fallBacks: 0 };
  const clock = { now: () => lab.time.now };
  const keys = {
    key: async (fqdn: string, uaId: Uint8Array) => (await tre.nafKeys(fqdn, uaId))[0],
    async renew() {
      state.runs++;
      const connect = (bsf: { url: string }) => createClient({ url: bsf.url });
      await bootstrap({ tre, connect, clock, random: systemRandom, log: silentLog });
    },
  };
  const peer = { url: naf.url, serverName: NAF, tls: { ca } };
  const digest = () => {
    state.fallBacks++;
    return createUaClient({ fqdn: NAF, client: createClient(peer), keys, clock, random: systemRandom });
  };
  const ua = createPskUaClient({
    fqdn: NAF,
    keys,
    clock,
    open(psk) {
      state.connections++;
      return createClient({ ...peer, psk });
    },
    ...(options.auto === true && { digest }),
  });
  open.add(() => ua.close());
  return { lab, naf, tre, time, ua, state };
}

const rejects = (work: Promise<unknown>, code: string) =>
  assert.rejects(work, (error: unknown) => codeOf(error) === code, code);

test('Ub runs first, then one connection carries all requests, proved in both directions', async () => {
  const { ua, state, naf, tre } = await start();
  const first = await ua.send('GET', '/a');
  assert.equal(first.body.toString(), PAGE);
  assert.equal(first.proved, 'auth-int');
  assert.equal(first.btid, (await tre.contexts())[0]?.btid);
  assert.equal((await ua.send('POST', '/b', { bytes: Buffer.from('octets') })).body.toString(), 'octets');
  assert.deepEqual(state, { runs: 1, connections: 1, fallBacks: 0 });
  assert.deepEqual(naf.codes, []);
  assert.equal(naf.zn.calls, 1);
  assert.deepEqual(
    ua.uaIds().map((id) => Buffer.from(id).toString('hex')),
    ['0100000007', '01000100aa'],
  );
});

test('a key that ends is renewed before the next request', async () => {
  const { ua, state, lab, time } = await start();
  const first = await ua.send('GET', '/');
  time.now = lab.time.now += 3_600_000;
  const second = await ua.send('GET', '/');
  assert.notEqual(second.btid, first.btid);
  assert.deepEqual(state, { runs: 2, connections: 2, fallBacks: 0 });
});

test('a key that the NAF and its BSF have forgotten is renewed once, on an open connection and on a new one', async () => {
  const { ua, state, lab, naf } = await start();
  const { btid } = await ua.send('GET', '/');
  const forget = async () => {
    for (const { key, version } of await lab.store.list('bsf-context')) {
      await lab.store.commit([{ space: 'bsf-context', key, expect: version, delete: true }]);
    }
    naf.naf.forget(btid);
  };
  await forget();
  const second = await ua.send('GET', '/');
  assert.equal(second.status, 200);
  assert.notEqual(second.btid, btid);
  ua.endSession();
  await forget();
  naf.naf.forget(second.btid);
  assert.equal((await ua.send('GET', '/')).status, 200);
  assert.equal(state.runs, 3);
});

test('a NAF that never takes the key: one Ub, then an end', async () => {
  const { ua, state } = await start({ psk: false });
  await rejects(ua.send('GET', '/'), 'ua-refused');
  assert.equal(state.runs, 1);
  await rejects(ua.send('GET', '/'), 'ua-refused');
  assert.equal(state.runs, 2);
});

test('with the certificate as second choice: Digest inside TLS, and PSK again with the next session', async () => {
  const { ua, state } = await start({ psk: false, auto: true });
  const answer = await ua.send('GET', '/');
  assert.equal(answer.body.toString(), PAGE);
  assert.equal(answer.proved, 'auth');
  await ua.send('GET', '/');
  assert.deepEqual(state, { runs: 1, connections: 1, fallBacks: 1 });
  assert.ok(ua.uaIds().some((id) => Buffer.from(id).toString('hex') === '0100011302'));
  ua.endSession();
  await ua.send('GET', '/');
  assert.deepEqual(state, { runs: 1, connections: 2, fallBacks: 2 });
});

test('with the certificate as second choice the key goes first', async () => {
  const { ua, state } = await start({ auto: true });
  assert.equal((await ua.send('GET', '/')).proved, 'auth-int');
  assert.equal(state.fallBacks, 0);
});

test('a server that is down or cannot reach its BSF is tried again later, without a new bootstrapping', async () => {
  const zn = { fetch: () => Promise.reject(Object.assign(new Error('down'))) };
  const { ua, state, naf } = await start({ naf: { zn } });
  await rejects(ua.send('GET', '/'), 'peer-unreachable');
  assert.equal(state.runs, 1);
  await naf.close();
  await rejects(ua.send('GET', '/'), 'peer-unreachable');
  assert.equal(state.runs, 1);
});
