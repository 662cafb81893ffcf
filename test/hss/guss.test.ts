import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseSubscribers } from '../../src/hss/index.ts';
import { gbaSubscriberDataSchema, subscriberDataPath, ueIdOfImpi } from '../../src/http/index.ts';
import { causeOf, IMPI, K, OPC, startTestHss, type TestHss } from './support.ts';

let hss: TestHss;
before(async () => {
  hss = await startTestHss();
  await hss.provision();
});
after(() => hss.close());

const NS = 'urn:3gpp:gba:GBAGUSSSchema-R9:2010-02';
const USS = [{ uss: { gsId: 1, gsType: 1, ueIds: [{ ueId: 'sip:a@ims.test' }], nafGroup: 'g' } }];
const GUSS = { bsfInfo: { uiccType: 'GBA_U', lifeTime: 600 }, ussList: USS };
const xmlOf = (inside: string, id = IMPI) => `<guss id="${id}">${inside}</guss>`;
const USS_XML = '<ussList><uss id="1" type="1" nafGroup="g"><uids><uid>sip:a@ims.test</uid></uids></uss></ussList>';

const path = (impi = IMPI) => `${hss.adminPath(impi)}/guss`;
const put = (json: unknown, impi?: string) => hss.sho.send('PUT', path(impi), { json });
const putXml = (text: string, type = 'application/xml') =>
  hss.sho.send('PUT', path(), { bytes: Buffer.from(text), type });
const get = (accept?: string) => hss.sho.send('GET', path(), accept === undefined ? {} : { headers: { accept } });
const overSbi = async () =>
  (await hss.bsf.send('GET', subscriberDataPath(ueIdOfImpi(IMPI)))).json(gbaSubscriberDataSchema).guss;
const records = async () => JSON.stringify(await hss.store.list('hss-guss'));

test('settings that are not right are refused with their place, and nothing changes', async () => {
  await put(GUSS);
  const before = await records();
  const cases: [Awaited<ReturnType<typeof put>>, string, RegExp][] = [
    [await put({ ussList: [{ uss: { gsId: 1 } }] }), 'guss-invalid', /at ussList\.0\.uss\.gsType/],
    [await put({ ussList: [...USS, ...USS] }), 'guss-invalid', /at ussList\.1: the same service/],
    [await put({ bsfInfo: { uiccType: 'GBA_V' } }), 'guss-invalid', /at bsfInfo\.uiccType/],
    [await put({ usslist: [] }), 'guss-invalid', /at top: .*usslist/],
    [await put({ ussList: [{ uss: { ...USS[0]?.uss, keyChoice: 'X' } }] }), 'guss-invalid', /keyChoice/],
    [await putXml(xmlOf(USS_XML, 'other@ims.test')), 'guss-invalid', /another IMPI/],
    [await putXml(USS_XML), 'guss-invalid', /line 1, ussList: the root is not guss/],
    [await putXml(xmlOf('\n<bsfinfo/>')), 'guss-invalid', /line 2, guss\/bsfinfo/],
    [await putXml('<!DOCTYPE guss><guss/>'), 'guss-invalid', /DTD/],
    [await putXml(xmlOf(USS_XML), 'text/plain'), 'media-type-unsupported', /./],
    [await putXml(xmlOf(' '.repeat(200_000))), 'body-too-large', /./],
    [await put(GUSS, 'nobody@ims.test'), 'user-unknown', /./],
  ];
  for (const [answer, code, message] of cases) {
    assert.equal(causeOf(answer), code);
    assert.match(answer.body.toString(), message);
  }
  assert.equal(await records(), before);
});

test('only administrators may', async () => {
  for (const client of [hss.bsf, hss.stranger]) {
    for (const method of ['GET', 'DELETE']) assert.equal((await client.send(method, path())).status, 403);
    assert.equal((await client.send('PUT', path(), { json: {} })).status, 403);
  }
});

test('XML in is JSON out and the other way round; a BSF reads the same', async () => {
  assert.equal((await putXml(xmlOf(`<bsfInfo><lifeTime>60</lifeTime></bsfInfo>${USS_XML}`))).status, 204);
  const guss = { bsfInfo: { lifeTime: 60 }, ussList: USS };
  assert.deepEqual((await get()).json({ parse: (value) => value }), guss);
  assert.deepEqual(await overSbi(), guss);
  assert.equal((await put(GUSS)).status, 204);
  const xml = await get('application/xml;q=1, */*;q=0.1');
  assert.equal(xml.headers['content-type'], 'application/xml');
  assert.match(xml.body.toString(), new RegExp(`<guss id="${IMPI}" xmlns="${NS}"><bsfInfo><uiccType>GBA_U<`));
  assert.equal((await putXml(xml.body.toString(), 'text/xml; charset=utf-8')).status, 204, 'what it gives, it takes');
  assert.deepEqual(await overSbi(), GUSS);
});

test('settings may be taken away, and come and go with the subscriber', async () => {
  await put(GUSS);
  assert.equal((await hss.sho.send('DELETE', path())).status, 204);
  assert.deepEqual((await get()).json({ parse: (value) => value }), {});
  await put({ bsfInfo: {}, ussList: [] });
  assert.deepEqual(await overSbi(), {}, 'members that say nothing are left out');
  await hss.provision({ guss: xmlOf(USS_XML) });
  assert.deepEqual(await overSbi(), { ussList: USS });
  await hss.provision();
  assert.deepEqual(await overSbi(), {}, 'provisioning replaces');
  await hss.provision({ guss: GUSS });
  await hss.sho.send('DELETE', hss.adminPath());
  assert.equal((await get()).status, 404);
  await hss.provision();
  assert.deepEqual(await overSbi(), {});
});

test('each change has a time of its own, and setting the same again is none', async () => {
  const changedAt = async () => /<timestamp>([^<]+)/.exec((await get('application/xml')).body.toString())?.[1];
  await put(GUSS);
  const first = await changedAt();
  await put(GUSS);
  assert.equal(await changedAt(), first);
  await put({});
  await put(GUSS);
  assert.equal(Date.parse((await changedAt()) ?? '') - Date.parse(first ?? ''), 2000);
  const version = (await hss.store.get('subscriber', IMPI))?.version;
  await put({});
  assert.equal((await hss.store.get('subscriber', IMPI))?.version, version, 'the sequence number is not touched');
});

test('settings from before they had records of their own are served, and can be taken away', async () => {
  const entry = await hss.store.get<object>('subscriber', IMPI);
  await hss.store.commit([
    { space: 'hss-guss', key: IMPI, delete: true },
    { space: 'subscriber', key: IMPI, put: { ...entry?.value, guss: GUSS } },
  ]);
  assert.deepEqual(await overSbi(), GUSS);
  const view = await hss.sho.send('GET', hss.adminPath());
  assert.deepEqual(view.json({ parse: (value) => (value as { guss: unknown }).guss }), GUSS);
  await put({});
  assert.deepEqual(await overSbi(), {});
});

test('the subscribers file may carry settings, in XML or not; a mistake in them has its place', () => {
  const one = { impi: IMPI, k: K, opc: OPC };
  const [inXml] = parseSubscribers(JSON.stringify([{ ...one, guss: xmlOf(USS_XML) }]));
  const [inJson] = parseSubscribers(JSON.stringify([{ ...one, guss: { ussList: USS } }]));
  assert.deepEqual(inXml, inJson);
  const yaml = `- impi: ${IMPI}\n  k: "${K}"\n  opc: "${OPC}"\n  guss: |\n    ${xmlOf(`\n    ${USS_XML}`)}\n`;
  assert.deepEqual(parseSubscribers(yaml), [inXml]);
  const wrong: [object, RegExp][] = [
    [{ guss: xmlOf('<bsfInfo><lifeTime>0</lifeTime></bsfInfo>') }, /at 0\.guss: .*line 1, guss\/bsfInfo\/lifeTime/],
    [{ guss: xmlOf('', 'other@x') }, /at 0\.guss: .*another IMPI/],
    [{ guss: { ussList: USS }, ussList: USS }, /at 0\.guss: .*alone/],
    [{ ussList: [...USS, ...USS] }, /at 0\.ussList\.1: the same service/],
    [{ ussList: [{ uss: { ...USS[0]?.uss, flag: 1 } }] }, /at 0\.ussList\.0\.uss: .*flag/],
  ];
  for (const [more, message] of wrong) {
    assert.throws(() => parseSubscribers(JSON.stringify([{ ...one, ...more }])), {
      code: 'subscribers-invalid',
      message,
    });
  }
});
