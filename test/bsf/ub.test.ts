import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { DigestCredentials } from '../../src/digest/index.ts';
import { parseChallenge } from '../../src/digest/index.ts';
import {
  answerTo,
  authenticate,
  bootstrap,
  firstRequest,
  type RawAnswer,
  send,
  type TestSubscriber,
  testSubscriber,
  ubHeaders,
} from '../support/ue.ts';
import { BSF, seen, startTestBsf } from './support.ts';

type Lab = Awaited<ReturnType<typeof startTestBsf>>;
let lab: Lab;
let ue: TestSubscriber;
let serial = 0;

before(async () => {
  lab = await startTestBsf();
});
after(() => lab.bsf.close());
beforeEach(() => {
  ue = testSubscriber(`user${++serial}@ims.test`);
  lab.hss.add(ue.impi, ue.keys);
});

const contexts = async () => (await lab.store.list('bsf-context')).length;
const nonceOf = (answer: RawAnswer) => parseChallenge(String(answer.headers['www-authenticate'])).nonce;
const answerWith = (credentials: DigestCredentials) => send(lab.ub, { headers: ubHeaders(credentials) });
const problem = (answer: RawAnswer) => JSON.parse(answer.body.toString()).cause as string;

function resOf(challenge: RawAnswer): Buffer {
  const card = authenticate(ue, nonceOf(challenge));
  assert.equal(card.result, 'ok');
  return card.result === 'ok' ? card.res : Buffer.alloc(0);
}

test('a wrong RES, the nonce of a stranger and an unknown IMPI get the same octets, and no context', async () => {
  const held = await contexts();
  const known = await firstRequest(lab.ub, ue.impi, BSF);
  const unknown = await firstRequest(lab.ub, 'nobody@ims.test', BSF);
  assert.equal(known.status, 401);
  assert.equal(seen(known), seen(unknown));
  const wrong = await answerWith(answerTo(known, ue.impi, Buffer.alloc(8)));
  assert.equal(lab.lastCode(), 'digest-wrong');
  const nobody = await answerWith(answerTo(unknown, 'nobody@ims.test', Buffer.alloc(8)));
  assert.equal(lab.lastCode(), 'user-unknown');
  assert.equal(wrong.status, 401);
  assert.equal(seen(wrong), seen(nobody));
  assert.equal(seen(wrong), seen(known));
  assert.equal(nonceOf(known).length, nonceOf(unknown).length);
  const amf = (answer: RawAnswer) => Buffer.from(nonceOf(answer), 'base64').toString('hex', 22, 24);
  assert.equal(amf(known), amf(unknown));
  assert.equal(await contexts(), held);
});

test('an answer that is repeated gets a fresh challenge, never the old 200, and leaves one context', async () => {
  const held = await contexts();
  const challenge = await firstRequest(lab.ub, ue.impi, BSF);
  const credentials = answerTo(challenge, ue.impi, resOf(challenge));
  const [first, second] = await Promise.all([answerWith(credentials), answerWith(credentials)]);
  assert.deepEqual([first.status, second.status].sort(), [200, 401]);
  const third = await answerWith(credentials);
  assert.equal(third.status, 401);
  assert.notEqual(nonceOf(third), nonceOf(challenge));
  assert.equal(lab.lastCode(), 'nonce-unknown');
  assert.equal(await contexts(), held + 1);
});

test('after one wrong answer the right one to the same nonce is refused', async () => {
  const held = await contexts();
  const challenge = await firstRequest(lab.ub, ue.impi, BSF);
  const res = resOf(challenge);
  await answerWith(answerTo(challenge, ue.impi, Buffer.alloc(8)));
  assert.equal((await answerWith(answerTo(challenge, ue.impi, res))).status, 401);
  assert.equal(lab.lastCode(), 'nonce-unknown');
  assert.equal(await contexts(), held);
});

test('an expired challenge, and the challenge of another identity, are refused', async () => {
  const other = testSubscriber('other@ims.test');
  lab.hss.add(other.impi, other.keys);
  const challenge = await firstRequest(lab.ub, ue.impi, BSF);
  const res = resOf(challenge);
  assert.equal((await answerWith(answerTo(challenge, other.impi, res))).status, 401);
  assert.equal(lab.lastCode(), 'username-changed');
  lab.time.now += 31_000;
  assert.equal((await answerWith(answerTo(challenge, ue.impi, res))).status, 401);
  assert.equal(lab.lastCode(), 'nonce-unknown');
});

test('a RAND that is pending or has served is never challenged again', async () => {
  lab.hss.state.rand = Buffer.alloc(16, serial);
  try {
    const challenge = await firstRequest(lab.ub, ue.impi, BSF);
    const again = await firstRequest(lab.ub, ue.impi, BSF);
    assert.equal(again.status, 503);
    assert.equal(problem(again), 'rand-reused');
    assert.equal((await answerWith(answerTo(challenge, ue.impi, resOf(challenge)))).status, 200);
    assert.equal(problem(await firstRequest(lab.ub, ue.impi, BSF)), 'rand-reused');
  } finally {
    lab.hss.state.rand = undefined;
  }
});

test('realm, algorithm, qop, nc, opaque and uri of the answer are insisted on, without burning the challenge', async () => {
  const challenge = await firstRequest(lab.ub, ue.impi, BSF);
  const res = resOf(challenge);
  const cases: [string, Partial<DigestCredentials>][] = [
    ['digest-realm-wrong', { realm: 'bsf.evil.test' }],
    ['digest-algorithm-wrong', { algorithm: 'MD5' }],
    ['digest-algorithm-wrong', { algorithm: 'AKAv2-MD5' }],
    ['digest-qop-wrong', { qop: 'auth' }],
    ['digest-nc-wrong', { nc: '00000002' }],
    ['digest-opaque-wrong', { opaque: 'other' }],
    ['digest-uri-wrong', { uri: '/other' }],
    ['digest-malformed', { cnonce: '' }],
  ];
  for (const [code, changes] of cases) {
    const refused = await answerWith(answerTo(challenge, ue.impi, res, changes));
    assert.equal(refused.status, 400, code);
    assert.equal(problem(refused), code);
    assert.match(String(refused.headers['server']), /3gpp-gba-tmpi/);
  }
  assert.equal((await answerWith(answerTo(challenge, ue.impi, res))).status, 200);
});

test('other methods, paths, bodies, missing, doubled or malformed Authorization are refused by name', async () => {
  const first = ubHeaders({ username: ue.impi, realm: BSF, nonce: '', uri: '/', response: '' });
  const authorization = first['authorization'] ?? '';
  const refusals: [number, string, Parameters<typeof send>[1]][] = [
    [405, 'method-not-allowed', { method: 'POST', headers: first }],
    [404, 'not-found', { target: '/other', headers: first }],
    [404, 'not-found', { target: '/?x', headers: first }],
    [400, 'ub-body-refused', { headers: { ...first, 'content-length': '1' }, body: 'x' }],
    [400, 'authorization-missing', {}],
    [400, 'digest-malformed', { headers: { authorization: [authorization, authorization] } }],
    [400, 'digest-malformed', { headers: { authorization: `${authorization}, realm="b"` } }],
    [400, 'digest-malformed', { headers: { authorization: 'Basic QTpC' } }],
    [400, 'username-invalid', { headers: { authorization: authorization.replace(/@[^"]*/, '') } }],
    [400, 'username-invalid', { headers: { authorization: authorization.replace(/@/, 'x'.repeat(300)) } }],
  ];
  for (const [status, code, request] of refusals) {
    const answer = await send(lab.ub, request);
    assert.equal(problem(answer), code);
    assert.equal(answer.status, status, code);
    assert.match(String(answer.headers['server']), /3gpp-gba-tmpi/);
  }
  const head = await send(lab.ub, { method: 'HEAD', headers: first });
  assert.equal(head.status, 405);
  assert.equal(head.headers['allow'], 'GET');
});

test('absolute request targets and uris are taken, another realm in message 1 too; Host changes nothing', async () => {
  const uri = 'http://10.7.3.130:9443/';
  const headers = {
    host: 'evil.test',
    authorization: `Digest username="${ue.impi}",realm="ims.test", nonce ="",uri="${uri}",response="",opaque="dynamic"`,
  };
  const challenge = await send(lab.ub, { target: uri, headers });
  assert.equal(challenge.status, 401);
  assert.equal(parseChallenge(String(challenge.headers['www-authenticate'])).realm, BSF);
  const credentials = answerTo(challenge, ue.impi, resOf(challenge), { uri });
  const done = await send(lab.ub, { target: uri, headers: { host: 'evil.test', ...ubHeaders(credentials) } });
  assert.equal(done.status, 200);
  assert.match(done.body.toString(), /@bsf\.sho-a\.test</);
});

test('too many unfinished runs of one identity are refused, known or not alike', async () => {
  for (const name of [ue.impi, 'flood@ims.test']) {
    for (let i = 0; i < 8; i++) assert.equal((await firstRequest(lab.ub, name, BSF)).status, 401);
  }
  const [known, unknown] = [
    await firstRequest(lab.ub, ue.impi, BSF),
    await firstRequest(lab.ub, 'flood@ims.test', BSF),
  ];
  assert.equal(known.status, 503);
  assert.equal(problem(known), 'overloaded');
  assert.equal(seen(known), seen(unknown));
  lab.time.now += 30_000;
  assert.equal((await firstRequest(lab.ub, ue.impi, BSF)).status, 401);
});

test('without an HSS the answer is 503 and nothing is stored', async () => {
  lab.hss.state.down = true;
  try {
    const answer = await firstRequest(lab.ub, ue.impi, BSF);
    assert.equal(answer.status, 503);
    assert.equal(problem(answer), 'peer-unreachable');
  } finally {
    lab.hss.state.down = false;
  }
});

test('a forged auts, or a second one in a run, brings a fresh challenge and no resynchronisation', async () => {
  const forged = await firstRequest(lab.ub, ue.impi, BSF);
  const auts = Buffer.alloc(14, 7);
  assert.equal((await answerWith(answerTo(forged, ue.impi, Buffer.from('x'), { auts }))).status, 401);
  assert.equal(lab.lastCode(), 'digest-wrong');
  const next = await firstRequest(lab.ub, ue.impi, BSF);
  const fresh = await answerWith(answerTo(next, ue.impi, Buffer.alloc(0), { auts }));
  assert.equal(fresh.status, 401);
  assert.equal((await answerWith(answerTo(fresh, ue.impi, Buffer.alloc(0), { auts }))).status, 401);
  assert.equal(lab.lastCode(), 'resync-repeated');
});

test('a card that is ahead resynchronises once and bootstraps', async () => {
  ue.sqn = { ...ue.sqn, seqs: ue.sqn.seqs.map(() => 1000) };
  const run = await bootstrap(lab.ub, ue, BSF);
  assert.match(run.btid, /@bsf\.sho-a\.test$/);
  assert.equal(run.lifetime, Math.floor(lab.time.now / 1000) * 1000 + 3_600_000);
});

test('a TMPI serves as username; the former one until the new one is there; an unknown one is 404', async () => {
  const first = await bootstrap(lab.ub, ue, BSF);
  const second = await bootstrap(lab.ub, ue, BSF);
  assert.notEqual(first.tmpi, second.tmpi);
  assert.notEqual(first.btid, second.btid);
  ue.tmpi = first.tmpi;
  await bootstrap(lab.ub, ue, BSF);
  const unknown = await firstRequest(lab.ub, `${'A'.repeat(32)}@tmpi.bsf.3gppnetwork.org`, BSF);
  assert.equal(unknown.status, 404);
  assert.equal(problem(unknown), 'tmpi-unknown');
});

test('a UE without the token gets no TMPI, a GUSS lifetime goes before the own one, no key is stored in clear', async () => {
  lab.hss.add(ue.impi, ue.keys, { keyLifetimeSeconds: 60 });
  const before = (await lab.store.list('bsf-tmpi')).length;
  const challenge = await firstRequest(lab.ub, ue.impi, BSF, 'GBA-service; 0.1; 3gpp-gba-uicc');
  const card = authenticate(ue, nonceOf(challenge));
  assert.equal(card.result, 'ok');
  if (card.result !== 'ok') return;
  const pending = JSON.stringify(await lab.store.list('bsf-challenge'));
  const done = await answerWith(answerTo(challenge, ue.impi, card.res));
  assert.equal(done.status, 200);
  assert.equal(done.headers['content-type'], 'application/vnd.3gpp.bsf+xml');
  assert.equal(done.headers['expires'], new Date(Math.floor(lab.time.now / 1000) * 1000 + 60_000).toUTCString());
  assert.equal((await lab.store.list('bsf-tmpi')).length, before);
  const stored = pending + JSON.stringify(await lab.store.list('bsf-context'));
  for (const secret of [card.res, card.ck, card.ik]) {
    for (const form of ['hex', 'base64'] as const) assert.ok(!stored.includes(secret.toString(form).slice(0, 20)));
  }
});

test('a GBA_U card gets AUTN* and answers with the flipped RES; subscription data decides', async () => {
  lab.hss.add(ue.impi, ue.keys, { uiccType: 'GBA_U' });
  await assert.rejects(bootstrap(lab.ub, ue, BSF), /network authentication failed/);
  ue.gbaU = true;
  const run = await bootstrap(lab.ub, ue, BSF);
  assert.equal(run.ks.length, 32);
});

test('an IMPI holds four contexts at most, the oldest makes room', async () => {
  const runs = [];
  for (let i = 0; i < 5; i++) runs.push(await bootstrap(lab.ub, ue, BSF));
  const held = await Promise.all(
    runs.map(async ({ btid }) => (await lab.store.get('bsf-context', btid)) !== undefined),
  );
  assert.deepEqual(held, [false, true, true, true, true]);
});
