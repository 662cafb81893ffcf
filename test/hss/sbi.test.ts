import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { checkAutn, createSqnState, makeAuts } from '../../src/aka/index.ts';
import { generateAuthDataPath, subscriberDataPath, ueIdOfImpi } from '../../src/http/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { BSF, causeOf, IMPI, K, makeCard, OP, OPC, pki, startTestHss, type TestHss } from './support.ts';

const AV = generateAuthDataPath(ueIdOfImpi(IMPI));
const SDM = subscriberDataPath(ueIdOfImpi(IMPI));
let hss: TestHss;
before(async () => {
  hss = await startTestHss();
});
beforeEach(() => hss.provision({ sqn: '000000000000' }));
after(() => hss.close());

test('without a client certificate of the operators there is no connection', async () => {
  const { ca } = pki.pem(BSF);
  const foreign = makeTestPki([BSF]).pem(BSF);
  for (const tls of [{ ca }, { ca, cert: foreign.cert, key: foreign.key }]) {
    const client = hss.clientOf(tls);
    await assert.rejects(client.send('POST', AV, { json: {} }), { code: 'peer-unreachable' });
    client.close();
  }
});

test('a certificate that is named for nothing gets nothing, one named for one thing gets that only', async () => {
  const before = await hss.state();
  for (const client of [hss.stranger, hss.sho]) {
    for (const answer of [await client.send('POST', AV, { json: {} }), await client.send('GET', SDM)]) {
      assert.equal(answer.status, 403);
      assert.equal(causeOf(answer), 'OPERATION_NOT_ALLOWED');
    }
  }
  for (const client of [hss.stranger, hss.bsf]) {
    for (const [method, path] of [
      ['GET', '/admin/v1/subscribers'],
      ['GET', hss.adminPath()],
      ['PUT', hss.adminPath()],
      ['DELETE', hss.adminPath()],
    ] as const) {
      const answer = await client.send(method, path, method === 'PUT' ? { json: { impi: IMPI, k: K, opc: OPC } } : {});
      assert.equal(answer.status, 403);
      assert.equal(causeOf(answer), 'forbidden');
    }
  }
  assert.equal(await hss.state(), before);
});

test('an identity that is not kept here is USER_NOT_FOUND, whatever it looks like', async () => {
  const odd = [
    ueIdOfImpi('nobody@ims.test'),
    'imsi-001010123456780',
    'imsi-0010',
    'msisdn-491701234567',
    IMPI,
    'impi-',
    `impi-${'x'.repeat(5_000)}`,
    'impi-a%00b',
  ];
  for (const ueId of odd) {
    const vector = await hss.bsf.send('POST', generateAuthDataPath(ueId), { json: {} });
    const data = await hss.bsf.send('GET', subscriberDataPath(ueId));
    for (const answer of [vector, data]) {
      assert.equal(answer.status, 404, ueId.slice(0, 30));
      assert.equal(causeOf(answer), 'USER_NOT_FOUND');
      assert.equal(answer.headers['content-type'], 'application/problem+json');
    }
  }
});

test('an IMSI is the subscriber whose IMPI is made from it', async () => {
  const answer = await hss.bsf.send('POST', generateAuthDataPath(`imsi-${IMPI.split('@')[0]}`), { json: {} });
  assert.equal(answer.json({ parse: (value) => (value as { impi: string }).impi }), IMPI);
  const impi = '310410123456789@ims.mnc410.mcc310.3gppnetwork.org';
  await hss.provision({ impi }, impi);
  assert.equal((await hss.bsf.send('GET', subscriberDataPath('imsi-310410123456789'))).status, 200);
});

test('a path that the services do not have is RESOURCE_URI_STRUCTURE_NOT_FOUND', async () => {
  const answer = await hss.bsf.send('POST', `/nhss-gba-ueau/v2/${ueIdOfImpi(IMPI)}/x`, { json: {} });
  assert.deepEqual([answer.status, causeOf(answer)], [404, 'RESOURCE_URI_STRUCTURE_NOT_FOUND']);
});

test('a request that is not the JSON of TS 29.562 is refused and burns no number', async () => {
  const before = await hss.state();
  const rand = '00'.repeat(16);
  for (const [json, cause] of [
    [[], 'INVALID_MSG_FORMAT'],
    [{ resynchronizationInfo: {} }, 'INVALID_MSG_FORMAT'],
    [{ resynchronizationInfo: { rand, auts: '00'.repeat(13) } }, 'INVALID_MSG_FORMAT'],
    [{ resynchronizationInfo: { rand: `${rand}zz`, auts: '00'.repeat(14) } }, 'INVALID_MSG_FORMAT'],
    [{ authenticationScheme: 'DIGEST_HTTP' }, 'UNSPECIFIED_MSG_FAILURE'],
  ] as const) {
    const answer = await hss.ask(IMPI, json);
    assert.deepEqual([answer.status, causeOf(answer)], [400, cause]);
  }
  const broken = await hss.bsf.send('POST', AV, { bytes: Buffer.from('{"a":'), type: 'application/json' });
  assert.deepEqual([broken.status, causeOf(broken)], [400, 'INVALID_MSG_FORMAT']);
  assert.equal(await hss.state(), before);
});

test('an AUTS that this card did not make for this RAND changes nothing', async () => {
  const card = makeCard();
  const { rand } = await hss.vector();
  const before = await hss.state();
  const right = makeAuts(card.keys, rand, Buffer.from('0000000fffff', 'hex'));
  const forgeries: [Buffer, Buffer][] = [[Buffer.alloc(16), right]];
  for (const octet of [0, 5, 6, 13]) {
    const auts = Buffer.from(right);
    auts[octet] = (auts[octet] ?? 0) ^ 1;
    forgeries.push([rand, auts]);
  }
  for (const [one, auts] of forgeries) {
    const resynchronizationInfo = { rand: one.toString('hex'), auts: auts.toString('hex') };
    const answer = await hss.ask(IMPI, { resynchronizationInfo });
    assert.deepEqual([answer.status, causeOf(answer)], [400, 'MANDATORY_IE_INCORRECT']);
  }
  assert.equal(await hss.state(), before);
});

test('a vector is accepted by the card, RES is XRES, the separation bit is 0, and no two are alike', async () => {
  const card = makeCard();
  const rands = new Set<string>();
  for (let i = 0; i < 40; i++) {
    const vector = await hss.vector();
    const result = card.take(vector);
    assert.equal(result.result, 'ok');
    if (result.result !== 'ok') return;
    assert.deepEqual([result.res, result.ck, result.ik], [vector.xres, vector.ck, vector.ik]);
    const opened = checkAutn(card.keys, vector.rand, vector.autn);
    assert.equal(opened.ok && opened.amf.toString('hex'), '0000');
    rands.add(vector.rand.toString('hex'));
  }
  assert.equal(rands.size, 40);
});

test('AMF of the subscriber is used; OP and OPc give the same card', async () => {
  const body = { impi: IMPI, k: K, op: OP, amf: 'B9b9' };
  assert.equal((await hss.sho.send('PUT', hss.adminPath(), { json: body })).status, 204);
  const card = makeCard();
  const { rand, autn } = await hss.vector();
  const opened = checkAutn(card.keys, rand, autn);
  assert.equal(opened.ok && opened.amf.toString('hex'), 'b9b9');
});

test('the answer says IMPI and the five parts of the vector, nothing else', async () => {
  const { impi, ...rest } = (await hss.ask()).json({ parse: (value) => value as Record<string, object> });
  assert.equal(impi, IMPI);
  assert.deepEqual(Object.keys(rest), ['3gAkaAv']);
  assert.deepEqual(Object.keys(rest['3gAkaAv'] ?? {}).sort(), ['autn', 'ck', 'ik', 'rand', 'xres']);
});

test('a card that is ahead is followed after its AUTS, one that is behind by more than delta too', async () => {
  for (const seq of [7_000, 2 ** 30]) {
    const card = makeCard(createSqnState());
    card.sqn = { ...card.sqn, seqs: card.sqn.seqs.map(() => seq) };
    const refused = await hss.vector();
    const result = card.take(refused);
    assert.equal(result.result, 'sync-failure');
    if (result.result !== 'sync-failure') return;
    const next = await hss.vector(IMPI, { rand: refused.rand, auts: result.auts });
    assert.equal(card.take(next).result, 'ok', `SEQ ${seq}`);
    assert.equal(card.take(await hss.vector()).result, 'ok');
  }
  const fresh = makeCard();
  const refused = await hss.vector();
  const result = fresh.take(refused);
  assert.equal(result.result, 'sync-failure', 'SEQ is beyond delta of a fresh card');
  if (result.result !== 'sync-failure') return;
  const next = await hss.vector(IMPI, { rand: refused.rand, auts: result.auts });
  assert.equal(fresh.take(next).result, 'ok');
});

test('subscriber data is the GUSS that was provisioned, under both names of the resource', async () => {
  assert.equal((await hss.provision({ keyLifetimeSeconds: 600, uiccType: 'GBA_U' })).status, 204);
  for (const path of [SDM, SDM.replace('subscriber-data', 'gba-subscriber-data')]) {
    const answer = await hss.bsf.send('GET', path);
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body.toString()), { guss: { bsfInfo: { uiccType: 'GBA_U', lifeTime: 600 } } });
  }
});

test('no log line holds a key, a vector or an AUTS', async () => {
  const vector = await hss.vector();
  const auts = makeAuts(makeCard().keys, vector.rand, Buffer.alloc(6));
  await hss.ask(IMPI, { resynchronizationInfo: { rand: vector.rand.toString('hex'), auts: auts.toString('hex') } });
  await hss.sho.send('PUT', hss.adminPath(), { bytes: Buffer.from(`{"impi":"${IMPI}","k":"${K}`) });
  const text = hss.lines.join('\n').toLowerCase();
  assert.ok(text.includes('"vector"') && text.includes('refused'));
  const { xres, ck, ik } = vector;
  for (const secret of [K, OP, OPC, ...[xres, ck, ik, auts].map((octets) => octets.toString('hex'))]) {
    assert.equal(text.includes(secret), false);
  }
});
