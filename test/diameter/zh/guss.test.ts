import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '../../../src/base/index.ts';
import {
  type Avp,
  diameterSchema,
  GBA_USER_SEC_SETTINGS,
  get,
  isSuccess,
  maaAvps,
  make,
  marAvps,
  readMar,
  requestHead,
  resultOf,
  startDiameterNode,
  ZH_APPLICATION,
  ZH_MULTIMEDIA_AUTH,
} from '../../../src/diameter/index.ts';
import { buildGuss, type Guss, parseGuss, UA_HTTP_DIGEST } from '../../../src/gba/index.ts';
import { createClient } from '../../../src/http/index.ts';
import { createZnClient } from '../../../src/naf/index.ts';
import { kept } from '../../support/kept.ts';
import { bootstrap, firstRequest, testSubscriber } from '../../support/ue.ts';
import { BSF, HSS, IMPI, NAF, node, pki, STRANGER, startLabBsf, startLabHss } from '../lab.ts';

const DEPS = { clock: systemClock, random: systemRandom, log: silentLog };
const ZH = { diameter: { realm: 'home.test', host: HSS } };
const listening = (host: string, peer: string) =>
  node(host, [{ host: peer, transport: 'tcp' }], { listen: { port: 0, transport: 'tcp' } });
const calling = (host: string, port: number | undefined) =>
  node(host, [{ host: HSS, transport: 'tcp', connect: { address: '127.0.0.1', port } }]);
const uss = (ueId: string) => ({ uss: { gsId: 1, gsType: 1, ueIds: [{ ueId }] } });

test('the HSS leaves out a GUSS whose time the BSF names, and sends every other, also when nothing is left', async () => {
  const hss = kept(
    await startLabHss({ diameter: listening(HSS, BSF), subscriber: { ussList: [uss('a')] }, admin: [STRANGER] }),
  );
  const bsf = kept(
    await startDiameterNode(diameterSchema.parse(calling(BSF, hss.ports.diameter)), [ZH_APPLICATION], [], DEPS),
  );
  const admin = kept(
    createClient({ url: `https://127.0.0.1:${hss.ports.sbi}`, serverName: HSS, tls: pki.pem(STRANGER) }),
  );
  const ask = async (gussTimestamp?: number) => {
    const route = { realm: 'home.test' };
    const avps = [...requestHead(bsf, ZH_APPLICATION, route), ...marAvps({ impi: IMPI, gussTimestamp })];
    const answer = await bsf.request(ZH_MULTIMEDIA_AUTH, avps, route);
    assert.ok(isSuccess(resultOf(answer)));
    const settings = get(answer.avps, GBA_USER_SEC_SETTINGS);
    return settings && parseGuss(settings, { unknown: 'refuse' });
  };
  const first = await ask();
  assert.deepEqual(first?.guss, { ussList: [uss('a')] });
  assert.equal(first?.impi, IMPI);
  const time = first?.timestamp ?? 0;
  assert.equal(await ask(time), undefined);
  assert.deepEqual(await ask(time - 1000), first);
  assert.deepEqual(await ask(time + 1000), first, 'the HSS knows best, also of the future');
  const path = `/admin/v1/subscribers/${encodeURIComponent(IMPI)}/guss`;
  assert.equal((await admin.send('PUT', path, { json: { ussList: [uss('b')] } })).status, 204);
  const second = await ask(time);
  assert.deepEqual(second?.guss.ussList, [uss('b')]);
  assert.ok((second?.timestamp ?? 0) > time);
  assert.equal((await admin.send('DELETE', path)).status, 204);
  const gone = await ask(second?.timestamp);
  assert.deepEqual(gone?.guss, { ussList: [] }, 'an empty GUSS, for none would say "as before"');
  assert.equal(await ask(gone?.timestamp), undefined);
  assert.equal(await ask(), undefined);
});

/** An HSS by Diameter that says what the test wants; keeps what it was asked. */
async function foreignHss() {
  const state = { settings: undefined as Buffer | undefined, asked: [] as (number | undefined)[], count: 0 };
  const serve = async (request: Parameters<typeof readMar>[0]): Promise<Avp[]> => {
    state.asked.push(readMar(request).gussTimestamp);
    const vector = {
      rand: Buffer.alloc(16, ++state.count),
      autn: Buffer.alloc(16),
      xres: Buffer.alloc(8),
      ck: Buffer.alloc(16),
      ik: Buffer.alloc(16),
    };
    const settings = state.settings === undefined ? [] : [make(GBA_USER_SEC_SETTINGS, state.settings)];
    return [...maaAvps(IMPI, vector, undefined), ...settings];
  };
  const config = diameterSchema.parse(listening(HSS, BSF));
  const running = kept(
    await startDiameterNode(config, [ZH_APPLICATION], [{ command: ZH_MULTIMEDIA_AUTH, serve }], DEPS),
  );
  const bsf = kept(await startLabBsf({ hss: ZH, diameter: calling(BSF, running.port) }));
  return { state, bsf, ask: () => firstRequest(bsf.ub, IMPI, BSF) };
}

test('a BSF keeps its copy while the HSS leaves the GUSS out; without a time it keeps none', async () => {
  const { state, ask } = await foreignHss();
  const time = Date.UTC(2027, 0, 1);
  for (const settings of [
    buildGuss(IMPI, { ussList: [uss('a')] }, time),
    undefined,
    buildGuss(IMPI, { ussList: [] }),
    undefined,
  ]) {
    state.settings = settings;
    assert.equal((await ask()).status, 401);
  }
  assert.deepEqual(state.asked, [undefined, time, time, undefined]);
});

test('FHoSS’s namespace-less GUSS is taken; a GUSS of another subscriber, or one that cannot be read, is the fault of the HSS', async () => {
  const { state, ask } = await foreignHss();
  const fhoss = (id: string) =>
    Buffer.from(
      `<?xml version="1.0" encoding="UTF-8"?><guss id="${id}"><bsfInfo><uiccType>GBA</uiccType></bsfInfo><ussList>` +
        '<uss id="1" type="1"><uids><uid>sip:a@x</uid></uids><flags></flags></uss></ussList></guss>',
    );
  state.settings = fhoss(IMPI.replace('3gppnetwork', '3GPPNetwork'));
  assert.equal((await ask()).status, 401);
  for (const settings of [fhoss('mallory@home.test'), fhoss(''), Buffer.from('<!DOCTYPE guss><guss/>')]) {
    state.settings = settings;
    assert.equal((await ask()).status, 502, settings.toString());
  }
});

test('Ub, Zh, Zn: changed settings reach a NAF with the next bootstrapping, and the BSF asks with its time', async () => {
  const lines: string[] = [];
  const subscriber = { ussList: [uss('sip:old@home.test')] };
  const hss = kept(await startLabHss({ diameter: listening(HSS, BSF), subscriber, admin: [STRANGER], lines }));
  const bsf = kept(await startLabBsf({ hss: ZH, diameter: calling(BSF, hss.ports.diameter) }));
  const admin = kept(
    createClient({ url: `https://127.0.0.1:${hss.ports.sbi}`, serverName: HSS, tls: pki.pem(STRANGER) }),
  );
  const zn = kept(
    createZnClient({ routes: [{ bsf: BSF, peer: { url: bsf.sbi, serverName: BSF } }], tls: pki.pem(NAF) }),
  );
  const ue = testSubscriber(IMPI);
  const settingsNow = async () => {
    const { btid } = await bootstrap(bsf.ub, ue, BSF);
    return (await zn.fetch({ btid, nafFqdn: NAF, uaId: UA_HTTP_DIGEST, gsIds: [1] })).uss;
  };
  assert.deepEqual(await settingsNow(), [uss('sip:old@home.test').uss]);
  assert.deepEqual(await settingsNow(), [uss('sip:old@home.test').uss], 'from the copy');
  const path = `/admin/v1/subscribers/${encodeURIComponent(IMPI)}/guss`;
  await admin.send('PUT', path, { json: { ussList: [uss('sip:new@home.test')] } satisfies Guss });
  assert.deepEqual(await settingsNow(), [uss('sip:new@home.test').uss]);
  await admin.send('DELETE', path);
  assert.equal(await settingsNow(), undefined);
  assert.equal(await settingsNow(), undefined);
});
