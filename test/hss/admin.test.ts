import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { causeOf, IMPI, K, makeCard, OP, OPC, startTestHss, type TestHss, writeKeyFile } from './support.ts';

let hss: TestHss;
before(async () => {
  hss = await startTestHss();
});
after(() => hss.close());

test('a subscriber that is not whole is refused and not kept', async () => {
  const good = { impi: IMPI, k: K, opc: OPC };
  for (const [why, body] of Object.entries({
    'no key': { impi: IMPI, opc: OPC },
    'a short key': { ...good, k: K.slice(2) },
    'a key that is not hexadecimal': { ...good, k: `${K.slice(1)}g` },
    'neither OP nor OPc': { impi: IMPI, k: K },
    'both OP and OPc': { ...good, op: OP },
    'an IMPI without realm': { ...good, impi: 'nobody' },
    'another IMPI than the path': { ...good, impi: 'other@ims.test' },
    'an AMF of three digits': { ...good, amf: '000' },
    'a lifetime of nothing': { ...good, keyLifetimeSeconds: 0 },
    'a member that nobody knows': { ...good, Amf: '0000' },
  })) {
    const answer = await hss.sho.send('PUT', hss.adminPath(), { json: body });
    assert.deepEqual([answer.status, causeOf(answer)], [400, 'json-invalid'], why);
    assert.equal(answer.body.includes(K.slice(2, 20)), false, why);
  }
  assert.deepEqual(await hss.store.list('subscriber'), []);
});

test('a subscriber is created, seen without its keys, served, replaced, removed', async () => {
  assert.equal((await hss.sho.send('GET', hss.adminPath())).status, 404);
  assert.equal((await hss.provision({ keyLifetimeSeconds: 60 })).status, 201);
  assert.equal((await hss.provision({ keyLifetimeSeconds: 90 })).status, 204);
  const one = await hss.sho.send('GET', hss.adminPath());
  const all = await hss.sho.send('GET', '/admin/v1/subscribers');
  const expected = { impi: IMPI, amf: '0000', sqnScheme: 'counter', guss: { bsfInfo: { lifeTime: 90 } } };
  assert.deepEqual(JSON.parse(one.body.toString()), expected);
  assert.deepEqual(JSON.parse(all.body.toString()), { subscribers: [expected] });
  assert.equal(makeCard().take(await hss.vector()).result, 'ok');
  for (let i = 0; i < 2; i++) assert.equal((await hss.sho.send('DELETE', hss.adminPath())).status, 204);
  const gone = await hss.ask();
  assert.deepEqual([gone.status, causeOf(gone)], [404, 'USER_NOT_FOUND']);
});

test('keys at rest are sealed: no form of them is in the store', async () => {
  await hss.provision();
  const stored = await hss.state();
  for (const secret of [K, OPC]) {
    const octets = Buffer.from(secret, 'hex');
    for (const form of ['hex', 'base64', 'latin1'] as const)
      assert.equal(stored.includes(octets.toString(form)), false);
  }
});

test('a sealed key moved to another subscriber opens for nobody, and the refusal is the HSS own fault', async () => {
  await hss.provision();
  await hss.provision({}, 'other@ims.test');
  const [mine, other] = await Promise.all(
    [IMPI, 'other@ims.test'].map((key) => hss.store.get<{ sealedKeys: string }>('subscriber', key)),
  );
  const put = { ...other?.value, sealedKeys: mine?.value.sealedKeys };
  await hss.store.commit([{ space: 'subscriber', key: 'other@ims.test', put }]);
  const answer = await hss.ask('other@ims.test');
  assert.deepEqual([answer.status, causeOf(answer)], [500, 'UNSPECIFIED_NF_FAILURE']);
  await hss.sho.send('DELETE', hss.adminPath('other@ims.test'));
});

test('an HSS with another sealing key than its store does not start', async () => {
  await hss.provision();
  const wrong = startTestHss({ store: hss.store, config: { keyFile: writeKeyFile('other-key') } });
  await assert.rejects(wrong, { code: 'seal-broken' });
});
