import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSqnState } from '../../../src/aka/index.ts';
import { silentLog, systemClock, systemRandom } from '../../../src/base/index.ts';
import { bsfConfigSchema } from '../../../src/bsf/index.ts';
import {
  type Avp,
  DESTINATION_HOST,
  diameterSchema,
  make,
  marAvps,
  PUBLIC_IDENTITY,
  requestHead,
  resultOf,
  SIP_AUTH_DATA_ITEM,
  SIP_AUTHENTICATION_SCHEME,
  startDiameterNode,
  USER_NAME,
  ZH_APPLICATION,
  ZH_MULTIMEDIA_AUTH,
} from '../../../src/diameter/index.ts';
import { UA_HTTP_DIGEST } from '../../../src/gba/index.ts';
import { createZnClient } from '../../../src/naf/index.ts';
import { kept } from '../../support/kept.ts';
import { bootstrap, firstRequest, testSubscriber, uaPassword } from '../../support/ue.ts';
import { BSF, HSS, IMPI, NAF, node, pki, STRANGER, seededRandom, startLabBsf, startLabHss, USS } from '../lab.ts';
import { without } from '../support.ts';

type Transport = 'tcp' | 'tls';
const hssNode = (transport: Transport, peers = [BSF]) =>
  node(
    HSS,
    peers.map((host) => ({ host, transport })),
    { listen: { port: 0, transport } },
  );
const toHss = (port: number | undefined, transport: Transport) => ({
  host: HSS,
  transport,
  connect: { address: '127.0.0.1', port },
});
const ZH = { diameter: { realm: 'home.test', host: HSS } };

async function labOver(transport: Transport | 'sbi', options: Parameters<typeof startLabHss>[0] = {}) {
  const lines: string[] = [];
  const hss = kept(
    await startLabHss({ lines, ...options, ...(transport !== 'sbi' && { diameter: hssNode(transport) }) }),
  );
  const zh =
    transport === 'sbi'
      ? { hss: { url: `https://127.0.0.1:${hss.ports.sbi}`, serverName: HSS } }
      : { hss: ZH, diameter: node(BSF, [toHss(hss.ports.diameter, transport)]) };
  const bsf = kept(await startLabBsf({ ...zh, lines }));
  return { hss, bsf, lines };
}

async function keyAt(bsf: { sbi: string }, btid: string, gsIds: number[] = []) {
  const zn = createZnClient({ routes: [{ bsf: BSF, peer: { url: bsf.sbi, serverName: BSF } }], tls: pki.pem(NAF) });
  const answer = await zn.fetch({ btid, nafFqdn: NAF, uaId: UA_HTTP_DIGEST, gsIds });
  zn.close();
  return answer;
}

test('Ub over Zh ends with the same B-TID, Ks and Ks_NAF as over SBI', async () => {
  const runs: string[] = [];
  for (const transport of ['sbi', 'tcp', 'tls'] as const) {
    const { bsf } = await labOver(transport, { random: seededRandom('hss rand') });
    const run = await bootstrap(bsf.ub, testSubscriber(IMPI), BSF);
    const { ksNaf } = await keyAt(bsf, run.btid);
    assert.equal(ksNaf.bytes().toString('base64'), uaPassword(run, NAF));
    runs.push(`${run.btid} ${run.ks.bytes().toString('hex')} ${uaPassword(run, NAF)}`);
  }
  const [sbi, tcp, tls] = runs;
  assert.ok(sbi);
  assert.equal(tcp, sbi);
  assert.equal(tls, sbi);
});

test('the GUSS comes with the vector: lifetime, settings, GBA_U', async () => {
  const subscriber = { keyLifetimeSeconds: 600, ussList: USS, uiccType: 'GBA_U' };
  const { bsf } = await labOver('tcp', { subscriber });
  const before = Date.now();
  const run = await bootstrap(bsf.ub, { ...testSubscriber(IMPI), gbaU: true }, BSF);
  assert.ok(run.lifetime >= before + 590_000 && run.lifetime <= Date.now() + 600_000);
  const { uss } = await keyAt(bsf, run.btid, [1, 7]);
  assert.deepEqual(uss, [USS[0]?.uss], 'the second one is of another NAF group');
});

test('a card ahead of the HSS is followed after one resynchronisation', async () => {
  const { bsf, lines } = await labOver('tcp');
  const subscriber = testSubscriber(IMPI);
  subscriber.sqn = { ...createSqnState(), seqs: Array.from({ length: 32 }, () => 32_768) };
  const run = await bootstrap(bsf.ub, subscriber, BSF);
  assert.ok(run.btid.endsWith(`@${BSF}`));
  assert.ok(lines.some((line) => line.includes('"vector"') && line.includes('"resync":true')));
});

test('an unknown subscriber looks the same over Zh as over SBI; a stopped HSS is 5xx, not a failure of the UE', async () => {
  const zh = await labOver('tcp');
  const sbi = await labOver('sbi');
  const blank = (answer: Awaited<ReturnType<typeof firstRequest>>) =>
    `${answer.status} ${String(answer.headers['www-authenticate']).replace(/nonce="[^"]*"/, '')}`;
  const [one, two] = [await firstRequest(zh.bsf.ub, 'nobody@x', BSF), await firstRequest(sbi.bsf.ub, 'nobody@x', BSF)];
  assert.equal(blank(one), blank(two));
  assert.equal(one.status, 401);
  await zh.hss.close();
  const down = await firstRequest(zh.bsf.ub, IMPI, BSF);
  assert.equal(down.status, (await unreachable(sbi)).status);
  assert.ok(down.headers['retry-after']);
});

async function unreachable({ hss, bsf }: Awaited<ReturnType<typeof labOver>>) {
  await hss.close();
  return await firstRequest(bsf.ub, IMPI, BSF);
}

test('the HSS refuses with the codes of the interface', async () => {
  const hss = kept(await startLabHss({ diameter: hssNode('tcp', [BSF, STRANGER]) }));
  const clientOf = async (host: string) => {
    const config = diameterSchema.parse(node(host, [toHss(hss.ports.diameter, 'tcp')]));
    const deps = { clock: systemClock, random: systemRandom, log: silentLog };
    return kept(await startDiameterNode(config, [ZH_APPLICATION], [], deps));
  };
  const bsf = await clientOf(BSF);
  const ask = async (avps: readonly Avp[], from = bsf) => {
    const route = { realm: 'home.test' };
    const answer = await from.request(
      ZH_MULTIMEDIA_AUTH,
      [...requestHead(from, ZH_APPLICATION, route), ...avps],
      route,
    );
    return resultOf(answer);
  };
  const avps = marAvps({ impi: IMPI });
  assert.deepEqual(await ask(avps), { vendorId: 0, code: 2001 });
  assert.deepEqual(await ask(marAvps({ impi: 'nobody@x' })), { vendorId: 10_415, code: 5401 });
  const push = [...without(1)(avps), make(PUBLIC_IDENTITY, 'sip:x@home.test')];
  assert.deepEqual(await ask(push), { vendorId: 10_415, code: 5401 });
  assert.deepEqual(await ask(without(1)(avps)), { vendorId: 0, code: 5005 });
  assert.deepEqual(await ask(without(277)(avps)), { vendorId: 0, code: 5005 });
  assert.deepEqual(await ask([...avps, make(USER_NAME, 'two@x')]), { vendorId: 0, code: 5009 });
  const scheme = make(SIP_AUTH_DATA_ITEM, [make(SIP_AUTHENTICATION_SCHEME, 'SIP Digest')]);
  assert.deepEqual(await ask([...without(612)(avps), scheme]), { vendorId: 10_415, code: 5006 });
  const resync = { rand: Buffer.alloc(16), auts: Buffer.alloc(14) };
  assert.deepEqual(await ask(marAvps({ impi: IMPI, resync })), { vendorId: 0, code: 5012 });
  assert.deepEqual(await ask([...avps, make(DESTINATION_HOST, 'other.test')]), { vendorId: 0, code: 3002 });
  assert.deepEqual(await ask(avps, await clientOf(STRANGER)), { vendorId: 0, code: 5003 });
});

test('configuration: one way to the HSS, and a node when it is Zh', () => {
  const config = (hss: unknown, diameter?: unknown) =>
    bsfConfigSchema.safeParse({
      name: BSF,
      ub: { port: 0 },
      sbi: { port: 0 },
      tls: pki.files(BSF),
      hss,
      diameter,
      nafs: [],
      store: { driver: 'memory' },
      keyFile: 'x',
    });
  const own = node(BSF, [{ host: HSS }]);
  assert.ok(config(ZH, own).success);
  for (const [hss, diameter] of [
    [ZH, undefined],
    [{ ...ZH, url: 'https://127.0.0.1', serverName: 'x' }, own],
    [{ diameter: { realm: 'a b' } }, own],
    [ZH, { ...own, peers: [] }],
    [ZH, node(BSF, [{ host: BSF }])],
    [ZH, node(BSF, [{ host: HSS }, { host: HSS }])],
    [ZH, node('BSF.test', [{ host: HSS }])],
    [ZH, { ...own, watchdogSeconds: 5 }],
  ]) {
    assert.equal(config(hss, diameter).success, false, JSON.stringify([hss, diameter]));
  }
});
