import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createSqnState } from '../../src/aka/index.ts';
import { SecretKey, systemRandom } from '../../src/base/index.ts';
import { computeRspauth, parseAuthenticationInfo, parseChallenge } from '../../src/digest/index.ts';
import { listen } from '../../src/http/index.ts';
import { createZnClient, gbaAuth, type ZnAnswer } from '../../src/naf/index.ts';
import { NAF, seen, startTestBsf } from '../bsf/support.ts';
import type { RawAnswer } from '../support/ue.ts';
import { ask, closeNafs, credentialsFor, freshKey, type Lab, PAGE, REALM, startNaf } from './support.ts';

let lab: Lab;
let naf: Awaited<ReturnType<typeof startNaf>>;
let who: { btid: string; password: string };

before(async () => {
  lab = await startTestBsf();
  naf = await startNaf(lab);
  who = await freshKey(lab);
});
after(async () => {
  await closeNafs();
  await lab.bsf.close();
});

const challengeOf = (answer: RawAnswer) => parseChallenge(String(answer.headers['www-authenticate']));
const cause = (answer: RawAnswer) => JSON.parse(answer.body.toString()).cause as string;
const unknown = () => `${systemRandom.bytes(16).toString('base64')}@bsf.sho-a.test`;

test('without credentials, or with another scheme, bootstrapping is required', async () => {
  for (const authorization of [undefined, 'Basic QTpC', 'Bearer x']) {
    const answer = await ask(naf.url, authorization);
    assert.equal(answer.status, 401);
    const { realm, algorithm, qop, stale } = challengeOf(answer);
    assert.deepEqual(
      { realm, algorithm, qop, stale },
      { realm: REALM, algorithm: 'MD5', qop: ['auth-int'], stale: undefined },
    );
    assert.equal(naf.lastCode(), 'bootstrapping-required');
  }
});

test('an unknown B-TID, a B-TID of no served BSF, a malformed one and a wrong key get the same octets', async () => {
  const challenge = await ask(naf.url);
  assert.equal((await ask(naf.url, credentialsFor(challenge, who))).status, 200);
  const wrong = await ask(naf.url, credentialsFor(await ask(naf.url), { ...who, password: 'A'.repeat(44) }));
  assert.equal(naf.lastCode(), 'digest-wrong');
  assert.equal(wrong.status, 401);
  for (const btid of [unknown(), unknown().replace('sho-a', 'evil'), 'nobody', who.btid.replace('@', '%40')]) {
    const answer = await ask(naf.url, credentialsFor(await ask(naf.url), { ...who, btid }));
    assert.equal(naf.lastCode(), 'btid-unknown');
    assert.equal(seen(answer), seen(wrong));
  }
  assert.equal(seen(await ask(naf.url)), seen(wrong));
});

test('a nonce count serves once and only rises; the text is hashed as received, the first may be any', async () => {
  const challenge = await ask(naf.url);
  const withNc = (nc: string) => ask(naf.url, credentialsFor(challenge, who, {}, { nc }));
  assert.equal((await withNc('00000000')).status, 200);
  assert.equal((await withNc('0000000A')).status, 200);
  for (const nc of ['0000000A', '0000000a', '00000009', '00000000']) {
    const replay = await withNc(nc);
    assert.equal(replay.status, 401);
    assert.equal(challengeOf(replay).stale, true);
    assert.equal(naf.lastCode(), 'nc-replayed');
  }
  assert.equal((await withNc('00000010')).status, 200);
});

test('stale=true comes only with a right digest over a nonce that is old or of another NAF', async () => {
  const challenge = await ask(naf.url);
  const right = credentialsFor(challenge, who);
  const wrong = credentialsFor(challenge, { ...who, password: 'x' });
  const foreign = credentialsFor(challenge, who, {}, { nonce: 'A'.repeat(32) });
  assert.equal(challengeOf(await ask(naf.url, foreign)).stale, true);
  lab.time.now += 300_000;
  const old = await ask(naf.url, right);
  assert.equal(challengeOf(old).stale, true);
  assert.equal(naf.lastCode(), 'nonce-stale');
  assert.equal(challengeOf(await ask(naf.url, wrong)).stale, undefined);
  assert.equal((await ask(naf.url, credentialsFor(old, who))).status, 200);
});

test('another realm, algorithm or qop gets a new challenge; another uri and malformed headers are refused', async () => {
  const challenge = await ask(naf.url);
  const cases: [string, Parameters<typeof credentialsFor>[3]][] = [
    ['digest-realm-wrong', { realm: '3GPP-bootstrapping@naf.evil.test' }],
    ['digest-algorithm-wrong', { algorithm: 'SHA-256' }],
    ['digest-algorithm-wrong', { algorithm: 'MD5-sess' }],
    ['digest-qop-wrong', { qop: 'auth' }],
  ];
  for (const [code, changes] of cases) {
    assert.equal((await ask(naf.url, credentialsFor(challenge, who, {}, changes))).status, 401, code);
    assert.equal(naf.lastCode(), code);
  }
  const elsewhere = await ask(naf.url, credentialsFor(challenge, who, { target: '/admin' }), { target: '/public' });
  assert.equal(elsewhere.status, 400);
  assert.equal(cause(elsewhere), 'digest-uri-wrong');
  const doubled = await ask(naf.url, `${credentialsFor(challenge, who)}, nc=00000002`);
  assert.equal(cause(doubled), 'digest-malformed');
  const post = await ask(naf.url, credentialsFor(challenge, who), { method: 'POST', body: '' });
  assert.equal(post.status, 401);
  assert.equal(naf.lastCode(), 'digest-wrong');
});

test('a changed body fails auth-int; a right one reaches the handler and the answer is signed', async () => {
  const request = { method: 'PUT', target: '/doc?x=1', body: '<doc/>' };
  const challenge = await ask(naf.url, undefined, request);
  const authorization = credentialsFor(challenge, who, request);
  assert.equal((await ask(naf.url, authorization, { ...request, body: '<DOC/>' })).status, 401);
  assert.equal(naf.lastCode(), 'digest-wrong');
  const answer = await ask(naf.url, authorization, request);
  assert.equal(answer.status, 200);
  assert.equal(answer.body.toString(), '<doc/>');
  assert.equal(answer.headers['x-btid'], who.btid);
  const { rspauth, qop, nc } = parseAuthenticationInfo(String(answer.headers['authentication-info']));
  const fields = { username: who.btid, realm: REALM, nonce: challengeOf(challenge).nonce, uri: '/doc?x=1' };
  const expected = { algorithm: 'MD5', qop: 'auth-int', nc: '00000001', cnonce: '0a4f113b0a4f113b', body: answer.body };
  assert.equal(rspauth, computeRspauth({ ...fields, ...expected, password: Buffer.from(who.password) }));
  assert.deepEqual([qop, nc], ['auth-int', '00000001']);
  const huge = await ask(naf.url, authorization, { ...request, body: 'x'.repeat(70_000) });
  assert.equal(huge.status, 413);
});

test('an absolute uri of this NAF is the same target, one of another host is not', async () => {
  const own = { target: '/a?b' };
  for (const [uri, status] of [
    [`http://${NAF}/a?b`, 200],
    [`https://${NAF}:8443/a?b`, 200],
    ['http://evil.test/a?b', 400],
    [`http://${NAF}/a`, 400],
    [`http://x@${NAF}/a?b`, 400],
  ] as const) {
    const challenge = await ask(naf.url);
    const answer = await ask(naf.url, credentialsFor(challenge, who, own, { uri }), own);
    assert.equal(answer.status, status, uri);
  }
});

test('when the key has ended the answer is a plain renegotiation, cached or not', async () => {
  lab.hss.add(lab.subscriber.impi, lab.subscriber.keys, { keyLifetimeSeconds: 60 });
  lab.subscriber.sqn = createSqnState();
  const short = await freshKey(lab);
  const challenge = await ask(naf.url);
  assert.equal((await ask(naf.url, credentialsFor(challenge, short))).status, 200);
  lab.time.now += 60_000;
  const ended = await ask(naf.url, credentialsFor(challenge, short, {}, { nc: '00000002' }));
  assert.equal(ended.status, 401);
  assert.equal(challengeOf(ended).stale, undefined);
  assert.equal(naf.lastCode(), 'btid-unknown');
  lab.hss.add(lab.subscriber.impi, lab.subscriber.keys);
  lab.subscriber.sqn = createSqnState();
});

test('keys are asked for once, until they are forgotten', async () => {
  const key = await freshKey(lab);
  const before = naf.zn.calls;
  const challenges = await Promise.all([1, 2, 3].map(() => ask(naf.url)));
  const answers = await Promise.all(challenges.map((challenge) => ask(naf.url, credentialsFor(challenge, key))));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(naf.zn.calls, before + 1);
  naf.naf.forget(key.btid);
  assert.equal((await ask(naf.url, credentialsFor(await ask(naf.url), key))).status, 200);
  assert.equal(naf.zn.calls, before + 2);
});

test('a NAF that the BSF does not serve answers 403; without the BSF it is 503', async () => {
  const stranger = await startNaf(lab, { fqdn: 'ro.test' });
  const refused = await ask(stranger.url, credentialsFor(await ask(stranger.url), who));
  assert.equal(refused.status, 403);
  assert.equal(cause(refused), 'naf-not-allowed');
  await stranger.close();
  const gone = await startNaf({ ...lab, sbi: 'https://127.0.0.1:1' });
  const lost = await ask(gone.url, credentialsFor(await ask(gone.url), who));
  assert.equal(lost.status, 503);
  assert.equal(cause(lost), 'peer-unreachable');
  await gone.close();
});

test('SHA-256 and auth by option; a nonce past half its life announces the next one', async () => {
  const other = await startNaf(lab, { algorithm: 'SHA-256', qop: 'auth' });
  const key = await freshKey(lab);
  const challenge = await ask(other.url);
  assert.deepEqual(challengeOf(challenge).qop, ['auth']);
  const first = await ask(other.url, credentialsFor(challenge, key));
  assert.equal(first.status, 200);
  const info = parseAuthenticationInfo(String(first.headers['authentication-info']));
  assert.equal(info.rspauth?.length, 64);
  assert.equal(info.nextnonce, undefined);
  lab.time.now += 200_000;
  const later = await ask(other.url, credentialsFor(challenge, key, {}, { nc: '00000002' }));
  const { nextnonce } = parseAuthenticationInfo(String(later.headers['authentication-info']));
  assert.ok(nextnonce !== undefined);
  assert.equal((await ask(other.url, credentialsFor(challenge, key, {}, { nonce: nextnonce }))).status, 200);
  await other.close();
});

test("workers that share a store and a nonce key refuse each other's replays", async () => {
  const nonceKey = SecretKey.adopt(systemRandom.bytes(32));
  const [one, two] = await Promise.all([1, 2].map(() => startNaf(lab, { store: lab.store, nonceKey })));
  assert.ok(one !== undefined && two !== undefined);
  const key = await freshKey(lab);
  const authorization = credentialsFor(await ask(one.url), key);
  const answers = await Promise.all([
    ask(one.url, authorization),
    ask(two.url, authorization),
    ask(two.url, authorization),
  ]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401]);
  await Promise.all([one.close(), two.close()]);
});

test("identities that clients assert about themselves are dropped; an intended one must be the subscriber's", async () => {
  lab.hss.add(lab.subscriber.impi, lab.subscriber.keys, {
    uss: [{ gsId: 7, gsType: 0, ueIds: [{ ueId: 'sip:me@ims.test' }] }],
  });
  lab.subscriber.sqn = createSqnState();
  const seenHeaders: Record<string, unknown>[] = [];
  const key = await freshKey(lab);
  const zn = createZnClient({
    routes: [{ bsf: 'bsf.sho-a.test', peer: { url: lab.sbi, serverName: 'bsf.sho-a.test' } }],
    tls: lab.pki.pem(NAF),
  });
  const auth = gbaAuth({ fqdn: NAF, zn, clock: lab.clock, gsIds: [7] });
  const server = await listen(
    auth.protect((req, res) => {
      seenHeaders.push({ ...req.headers, raw: req.rawHeaders.join(' ').toLowerCase(), impi: req.gba?.impi });
      res.end();
    }),
    { address: '127.0.0.1', port: 0 },
  );
  const url = `http://127.0.0.1:${server.port}`;
  const intend = async (identity: string) => {
    const headers = { 'X-3GPP-Asserted-Identity': '"sip:boss@ims.test"', 'X-3GPP-Intended-Identity': identity };
    return await ask(url, credentialsFor(await ask(url), key), { headers });
  };
  const boss = await intend('"sip:boss@ims.test"');
  assert.equal(boss.status, 403);
  // Whoever is known gets the refusal signed.
  assert.match(String(boss.headers['authentication-info']), /qop=auth-int, rspauth="/);
  assert.equal((await intend('"sip:me@ims.test"')).status, 200);
  assert.equal((await intend('sip:me@ims.test')).status, 200);
  assert.equal(seenHeaders.length, 2);
  assert.equal(seenHeaders[0]?.['x-3gpp-asserted-identity'], undefined);
  assert.doesNotMatch(String(seenHeaders[0]?.['raw']), /asserted-identity/);
  assert.equal(seenHeaders[0]?.['impi'], lab.subscriber.impi);
  zn.close();
  await server.close();
});

test('a key of the ME is not taken where the settings demand one in the card, whatever the BSF gave', async () => {
  const key = await freshKey(lab);
  const answer: ZnAnswer = {
    ksNaf: SecretKey.adopt(Buffer.from(key.password, 'base64')),
    keyExpiry: lab.time.now + 60_000,
    uss: [{ gsId: 7, gsType: 0, ueIds: [{ ueId: 'x' }], keyChoice: 'UICC_BASED_KEY' }],
  };
  const auth = gbaAuth({ fqdn: NAF, zn: { fetch: async () => answer }, clock: lab.clock });
  const server = await listen(
    auth.protect((_req, res) => res.end()),
    { address: '127.0.0.1', port: 0 },
  );
  const url = `http://127.0.0.1:${server.port}`;
  assert.equal((await ask(url, credentialsFor(await ask(url), key))).status, 403);
  await server.close();
});

test('a NAF name with capitals, port or trailing dot is no NAF name', () => {
  const zn = { fetch: () => Promise.reject(new Error('unused')) };
  for (const fqdn of ['NAF.sho-a.test', 'naf.sho-a.test:443', 'naf.sho-a.test.', '']) {
    assert.throws(() => gbaAuth({ fqdn, zn }), { code: 'naf-id-invalid' });
  }
});

test('HEAD and streamed answers are signed over what the client sees', async () => {
  const request = { method: 'HEAD' };
  const answer = await ask(naf.url, credentialsFor(await ask(naf.url), await freshKey(lab), request), request);
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers['authentication-info']), /qop=auth-int, rspauth=/);
  assert.equal(answer.body.length, 0);
  assert.equal(answer.headers['content-length'], String(PAGE.length));
});
