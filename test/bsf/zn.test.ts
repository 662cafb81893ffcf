import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { UA_HTTP_DIGEST, UA_TOKEN } from '../../src/gba/index.ts';
import { type Answer, createClient, type HttpClient, NBSP_GBA_PATH, type Uss } from '../../src/http/index.ts';
import { createZnClient } from '../../src/naf/index.ts';
import {
  answerTo,
  authenticate,
  bootstrap,
  firstRequest,
  send,
  testSubscriber,
  uaPassword,
  ubHeaders,
} from '../support/ue.ts';
import { BSF, NAF, startTestBsf } from './support.ts';

type Lab = Awaited<ReturnType<typeof startTestBsf>>;
let lab: Lab;
const clients: HttpClient[] = [];

before(async () => {
  lab = await startTestBsf();
});
after(async () => {
  for (const client of clients) client.close();
  await lab.bsf.close();
});

function clientOf(name: string, running: Lab = lab): HttpClient {
  const client = createClient({ url: running.sbi, serverName: BSF, tls: running.pki.pem(name) });
  clients.push(client);
  return client;
}
const bodyFor = (btId: string, nafFqdn: string, more: object = {}) => ({
  btId,
  nafId: { nafFqdn, uaSecProtId: '0100000002' },
  ...more,
});
const ask = (name: string, body: object, headers: Record<string, string> = {}, running: Lab = lab): Promise<Answer> =>
  clientOf(name, running).send('POST', NBSP_GBA_PATH, { json: body, headers });
const bare = ({ status, body }: Answer) => `${status} ${body.toString()}`;

test('a NAF gets no key of another host; tricks with case, port, dot and user part are just other names', async () => {
  const run = await bootstrap(lab.ub, lab.subscriber, BSF);
  const hosts = [
    'ro.test',
    'naf.sho-a.test.',
    'NAF.sho-a.test',
    'naf.sho-a.test:443',
    'x@naf.sho-a.test',
    ' naf.sho-a.test',
    '3GPP-bootstrapping@naf.sho-a.test',
    'naf.sho-a.test\u0000',
    'unknown.test',
  ];
  const answers = await Promise.all(hosts.map((host) => ask(NAF, bodyFor(run.btid, host))));
  for (const answer of answers) {
    assert.equal(answer.status, 403);
    assert.equal(answer.cause(), 'naf-not-allowed');
    assert.equal(bare(answer), bare(await ask('stranger.test', bodyFor(run.btid, NAF))));
  }
  const gone = await ask('stranger.test', bodyFor('AAAAAAAAAAAAAAAAAAAAAA==@bsf.sho-a.test', NAF));
  assert.equal(gone.cause(), 'naf-not-allowed', 'a stranger does not learn which B-TID exists');
});

test('without a client certificate there is no connection', async () => {
  const { ca } = lab.pki.pem(NAF);
  const client = createClient({ url: lab.sbi, serverName: BSF, tls: { ca } });
  clients.push(client);
  await assert.rejects(client.send('POST', NBSP_GBA_PATH, { json: bodyFor('x', NAF) }), { code: 'peer-unreachable' });
});

test('unknown, malformed and expired B-TIDs are the same 404; bad requests are 400', async () => {
  const ue = testSubscriber('expiring@ims.test');
  lab.hss.add(ue.impi, ue.keys, { keyLifetimeSeconds: 5 });
  const run = await bootstrap(lab.ub, ue, BSF);
  lab.time.now += 5_000;
  const answers = await Promise.all(
    [run.btid, 'AAAAAAAAAAAAAAAAAAAAAA==@bsf.sho-a.test', 'x', `${'A'.repeat(400)}@b`].map((btid) =>
      ask(NAF, bodyFor(btid, NAF)),
    ),
  );
  for (const answer of answers) assert.equal(bare(answer), bare(answers[0] as Answer));
  assert.equal(answers[0]?.status, 404);
  assert.equal(answers[0]?.cause(), 'btid-unknown');
  for (const body of [
    {},
    { btId: 'x' },
    bodyFor('x', NAF, { gsIds: [] }),
    { btId: 'x', nafId: { nafFqdn: NAF, uaSecProtId: '01' } },
  ]) {
    assert.equal((await ask(NAF, body)).cause(), 'json-invalid');
  }
});

test('the allowed NAF gets exactly the key that the UE derives, and only the settings it asked for', async () => {
  const ue = testSubscriber('settings@ims.test');
  const uss = [
    { gsId: 1, gsType: 0, ueIds: [{ ueId: 'sip:a@ims.test' }] },
    { gsId: 2, gsType: 0, ueIds: [{ ueId: 'sip:b@ims.test' }] },
    { gsId: 1, gsType: 0, nafGroup: 'other', ueIds: [{ ueId: 'sip:c@ims.test' }] },
  ];
  lab.hss.add(ue.impi, ue.keys, { uss });
  const run = await bootstrap(lab.ub, ue, BSF);
  const zn = createZnClient({
    routes: [{ bsf: BSF, peer: { url: lab.sbi, serverName: BSF } }],
    tls: lab.pki.pem(NAF),
  });
  const answer = await zn.fetch({ btid: run.btid, nafFqdn: NAF, uaId: UA_HTTP_DIGEST, gsIds: [1], gbaUAware: true });
  assert.equal(answer.ksNaf.bytes().toString('base64'), uaPassword(run, NAF));
  assert.equal(answer.ksIntNaf, undefined);
  assert.equal(answer.keyExpiry, run.lifetime);
  assert.equal(answer.impi, ue.impi);
  assert.deepEqual(answer.uss, uss.slice(0, 1));
  const token = await zn.fetch({ btid: run.btid, nafFqdn: NAF, uaId: UA_TOKEN });
  assert.equal(token.ksNaf.bytes().toString('base64'), uaPassword(run, NAF, UA_TOKEN));
  assert.equal(token.uss, undefined);
  await assert.rejects(zn.fetch({ btid: run.btid, nafFqdn: 'ro.test', uaId: UA_HTTP_DIGEST }), {
    code: 'naf-not-allowed',
  });
  await assert.rejects(zn.fetch({ btid: run.btid.replace(BSF, 'bsf.evil.test'), nafFqdn: NAF, uaId: UA_HTTP_DIGEST }), {
    code: 'btid-unknown',
  });
  zn.close();
});

test('Ks_int_NAF goes to a GBA_U aware NAF of a GBA_U card only', async () => {
  const ue = { ...testSubscriber('card@ims.test'), gbaU: true };
  lab.hss.add(ue.impi, ue.keys, { uiccType: 'GBA_U' });
  const run = await bootstrap(lab.ub, ue, BSF);
  const schema = z.looseObject({ meKeyMaterial: z.string(), uiccKeyMaterial: z.string().optional() });
  const aware = (await ask(NAF, bodyFor(run.btid, NAF, { gbaUAware: true }))).json(schema);
  const plain = (await ask(NAF, bodyFor(run.btid, NAF))).json(schema);
  assert.match(aware.uiccKeyMaterial ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual(aware.uiccKeyMaterial, aware.meKeyMaterial);
  assert.equal(plain.uiccKeyMaterial, undefined);
  assert.equal(plain.meKeyMaterial, aware.meKeyMaterial);
});

test('settings of other services, missing required ones, keys that settings demand: 403; the IMPI only where policy says so', async () => {
  const policy = (more: object) => ({ nafs: [{ client: NAF, hosts: [NAF], gsIds: [1], ...more }] });
  const strict = await startTestBsf({ pki: lab.pki, config: policy({ requires: [1], impi: false }) });
  const ue = testSubscriber('strict@ims.test');
  const runWith = async (uss: Uss[], uiccType: 'GBA' | 'GBA_U' = 'GBA') => {
    strict.hss.add(ue.impi, ue.keys, { uss, uiccType });
    const { btid } = await bootstrap(strict.ub, { ...testSubscriber(ue.impi), gbaU: uiccType === 'GBA_U' }, BSF);
    return (more: object = {}) => ask(NAF, bodyFor(btid, NAF, more), {}, strict);
  };
  const uss = { gsId: 1, gsType: 0, ueIds: [{ ueId: 'sip:a@ims.test' }] };
  const schema = z.looseObject({ meKeyMaterial: z.string(), uiccKeyMaterial: z.string().optional() });

  const none = await runWith([]);
  assert.equal((await none()).cause(), 'naf-not-allowed', 'a required USS is missing');
  const some = await runWith([uss, { ...uss, gsId: 2 }]);
  assert.equal((await some({ gsIds: [2] })).cause(), 'naf-not-allowed');
  const given = (await some({ gsIds: [1] })).json(schema);
  assert.deepEqual(given['ussList'], [{ uss }]);
  assert.equal('impi' in given, false);
  assert.equal('ussList' in (await some()).json(schema), false, 'who asks for none gets none');
  const inCard = await runWith([{ ...uss, keyChoice: 'UICC_BASED_KEY' }]);
  assert.equal((await inCard({ gbaUAware: true })).cause(), 'naf-not-allowed', 'the card is no GBA_U card');
  const card = await runWith([{ ...uss, keyChoice: 'UICC_BASED_KEY' }], 'GBA_U');
  assert.equal((await card()).cause(), 'naf-not-allowed', 'the NAF is not aware');
  assert.ok((await card({ gbaUAware: true })).json(schema).uiccKeyMaterial);
  const outside = await runWith([{ ...uss, keyChoice: 'ME_BASED_KEY' }], 'GBA_U');
  assert.equal((await outside({ gbaUAware: true })).json(schema).uiccKeyMaterial, undefined);
  await strict.bsf.close();
});

test('the operator lists and drops the contexts of one IMPI; others may not; a run in between ends', async () => {
  const ue = testSubscriber('leaving@ims.test');
  lab.hss.add(ue.impi, ue.keys);
  const run = await bootstrap(lab.ub, ue, BSF);
  const username = ue.tmpi ?? '';
  const challenge = await firstRequest(lab.ub, username, BSF);
  const nonce = /nonce="([^"]*)"/.exec(String(challenge.headers['www-authenticate']))?.[1] ?? '';
  const card = authenticate(ue, nonce);
  const path = `/admin/v1/contexts?impi=${encodeURIComponent(ue.impi)}`;
  for (const method of ['GET', 'DELETE']) assert.equal((await clientOf(NAF).send(method, path)).status, 403);
  assert.equal((await clientOf('sho-a.test').send('DELETE', '/admin/v1/contexts')).cause(), 'query-invalid');
  const listed = (await clientOf('sho-a.test').send('GET', path)).json(z.unknown());
  assert.deepEqual(listed, {
    contexts: [{ btid: run.btid, keyExpiry: new Date(run.lifetime).toISOString().replace('.000', '') }],
  });
  assert.equal((await clientOf('sho-a.test').send('DELETE', path)).status, 204);
  assert.equal((await ask(NAF, bodyFor(run.btid, NAF))).status, 404);
  assert.equal(card.result, 'ok');
  if (card.result === 'ok') {
    const late = await send(lab.ub, { headers: ubHeaders(answerTo(challenge, username, card.res)) });
    assert.notEqual(late.status, 200);
  }
  assert.deepEqual((await clientOf('sho-a.test').send('GET', path)).json(z.unknown()), { contexts: [] });
});

test("causes are the standard's words, bodies are application/json", async () => {
  const causeOf = async (answer: Promise<Answer>) => (await answer).json(z.looseObject({ cause: z.string() })).cause;
  assert.equal(await causeOf(ask(NAF, bodyFor('x', NAF))), 'CONTEXT_NOT_FOUND');
  assert.equal(await causeOf(ask(NAF, bodyFor('x', 'ro.test'))), 'OPERATION_NOT_ALLOWED');
  assert.equal(await causeOf(ask(NAF, {})), 'INVALID_MSG_FORMAT');
  const body = Buffer.from(JSON.stringify(bodyFor('x', NAF)));
  const typed = (type: string) => clientOf(NAF).send('POST', NBSP_GBA_PATH, { bytes: body, type });
  assert.equal((await typed('text/plain')).status, 415);
  assert.equal((await typed('application/json; charset=utf-8')).status, 404);
});

/** NfInstanceId of the NAF: what an NRF puts into `sub`. */
const INSTANCE = '4947a69a-f61b-4bc1-b9da-47c9c5d14b64';

for (const algorithm of ['HS256', 'ES256'] as const) {
  test(`with bearer tokens configured, ${algorithm}: no, forged, expired, foreign and scopeless tokens are refused`, async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const shared = Buffer.alloc(32, 7);
    const keyFile = join(lab.pki.dir, `token-key-${algorithm}`);
    writeFileSync(
      keyFile,
      algorithm === 'HS256' ? shared.toString('hex') : publicKey.export({ type: 'spki', format: 'pem' }),
    );
    const guarded = await startTestBsf({
      pki: lab.pki,
      config: {
        oauth: { issuer: 'nrf-1', algorithm, keyFile },
        nafs: [{ client: NAF, hosts: [NAF], instanceId: INSTANCE }],
      },
    });
    const token = (changes: object = {}, alg: string = algorithm): string => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const exp = Math.floor(guarded.time.now / 1000) + 60;
      const signed = `${part({ alg })}.${part({ iss: 'nrf-1', sub: NAF, aud: 'GBA_BSF', scope: 'nbsp-gba', exp, ...changes })}`;
      const signature =
        algorithm === 'HS256'
          ? createHmac('sha256', shared).update(signed).digest()
          : sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `Bearer ${signed}.${signature.toString('base64url')}`;
    };
    const znWith = (authorization?: string) => {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      return ask(NAF, bodyFor('AAAAAAAAAAAAAAAAAAAAAA==@bsf.sho-a.test', NAF), headers, guarded);
    };
    const statusOf = async (authorization?: string) => (await znWith(authorization)).status;
    const says = async (authorization?: string) => (await znWith(authorization)).headers['www-authenticate'];
    assert.equal(await says(), 'Bearer scope="nbsp-gba"');
    assert.equal(await says('Bearer x'), 'Bearer scope="nbsp-gba", error="invalid_token"');
    assert.equal(await says(token({ scope: 'x' })), 'Bearer scope="nbsp-gba", error="insufficient_scope"');
    assert.equal(await statusOf(token({ exp: 'soon' })), 401);
    assert.equal(await statusOf(), 401);
    assert.equal(await statusOf(`${token().slice(0, -4)}AAAA`), 401);
    assert.equal(await statusOf(token({}, 'none')), 401);
    assert.equal(await statusOf(token({ exp: Math.floor(guarded.time.now / 1000) })), 401);
    assert.equal(await statusOf(token({ aud: 'HSS' })), 401);
    assert.equal(await statusOf(token({ iss: 'other' })), 401);
    assert.equal(await statusOf(token({ scope: 'nhss-gba-ueau' })), 403);
    assert.equal(await statusOf(token({ sub: 'ro.test' })), 403);
    assert.equal(await statusOf(token({ aud: ['GBA_BSF'] })), 404);
    assert.equal(await statusOf(token({ sub: INSTANCE })), 404);
    assert.equal(await statusOf(token({ sub: INSTANCE.replace('4', '5') })), 403);
    await guarded.bsf.close();
  });
}
