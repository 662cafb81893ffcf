import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '../../../src/base/index.ts';
import {
  type Avp,
  birAvps,
  type DiameterNode,
  diameterSchema,
  make,
  NAF_ID,
  requestHead,
  resultOf,
  startDiameterNode,
  ZN_APPLICATION,
  ZN_BOOTSTRAPPING_INFO,
} from '../../../src/diameter/index.ts';
import { UA_HTTP_DIGEST } from '../../../src/gba/index.ts';
import { listen } from '../../../src/http/index.ts';
import { createZnClient, gbaAuth, type ZnQuery, znRoutesSchema } from '../../../src/naf/index.ts';
import { ask, credentialsFor, page } from '../../naf/support.ts';
import { kept } from '../../support/kept.ts';
import { type Bootstrap, bootstrap, testSubscriber, uaPassword } from '../../support/ue.ts';
import { BSF, HSS, IMPI, NAF, node, pki, STRANGER, startLabBsf, startLabHss, USS } from '../lab.ts';
import { without } from '../support.ts';

let bsf: Awaited<ReturnType<typeof startLabBsf>>;
let run: Bootstrap;

/** Two transports need two listeners, so two BSFs would be needed: TLS is what operators run. */
const reach = (port: number | undefined) => ({ host: BSF, connect: { address: '127.0.0.1', port } });
const route = (host: string) => ({
  bsf: BSF,
  diameter: { realm: 'home.test', node: node(host, [reach(bsf.ports.diameter)]) },
});
const clients = new Map<string, ReturnType<typeof createZnClient>>();
/** One for each name: a second connection of the same identity is turned away. */
function clientOf(host: string): ReturnType<typeof createZnClient> {
  const known = clients.get(host);
  if (known !== undefined) return known;
  const client = kept(createZnClient({ routes: znRoutesSchema.parse([route(host)]), tls: pki.pem(host) }));
  clients.set(host, client);
  return client;
}
const query = (changes: Partial<ZnQuery> = {}): ZnQuery => ({
  btid: run.btid,
  nafFqdn: NAF,
  uaId: UA_HTTP_DIGEST,
  ...changes,
});

before(async () => {
  const hss = kept(await startLabHss({ subscriber: { ussList: USS, uiccType: 'GBA_U' } }));
  bsf = kept(
    await startLabBsf({
      hss: { url: `https://127.0.0.1:${hss.ports.sbi}`, serverName: HSS },
      diameter: node(BSF, [{ host: NAF }, { host: STRANGER }], { listen: { port: 0 } }),
    }),
  );
  run = await bootstrap(bsf.ub, { ...testSubscriber(IMPI), gbaU: true }, BSF);
});

test('a NAF gets no key of another host, a stranger none at all, and neither learns which B-TID exists', async () => {
  const naf = clientOf(NAF);
  for (const nafFqdn of ['other.test', 'NAF.visited.test', 'naf.visited.test.', `${NAF}:443`, `x@${NAF}`, 'näf.test']) {
    await assert.rejects(naf.fetch(query({ nafFqdn })), { code: 'naf-not-allowed' }, nafFqdn);
  }
  const stranger = clientOf(STRANGER);
  await assert.rejects(stranger.fetch(query()), { code: 'naf-not-allowed' });
  const gone = query({ btid: `AAAAAAAAAAAAAAAAAAAAAA==@${BSF}` });
  await assert.rejects(stranger.fetch(gone), { code: 'naf-not-allowed' });
  await assert.rejects(naf.fetch(gone), { code: 'btid-unknown' });
  await assert.rejects(naf.fetch(query({ btid: 'x' })), { code: 'btid-unknown' });
  await assert.rejects(naf.fetch(query({ btid: run.btid.replace('@bsf', '@bsg') })), { code: 'btid-unknown' });
});

test('over Diameter a NAF gets what it gets over SBI', async () => {
  const sbi = kept(
    createZnClient({ routes: [{ bsf: BSF, peer: { url: bsf.sbi, serverName: BSF } }], tls: pki.pem(NAF) }),
  );
  const plain = (answer: Awaited<ReturnType<typeof sbi.fetch>>) => ({
    ...answer,
    ksNaf: answer.ksNaf.bytes().toString('hex'),
    ksIntNaf: answer.ksIntNaf?.bytes().toString('hex'),
  });
  const naf = clientOf(NAF);
  for (const more of [
    {},
    { gbaUAware: true },
    { gsIds: [1, 7] },
    { gsIds: [9] },
    { uaId: Buffer.from('010001c02b', 'hex') },
  ]) {
    const answer = plain(await naf.fetch(query(more)));
    assert.deepEqual(answer, plain(await sbi.fetch(query(more))));
    assert.equal(answer.ksIntNaf !== undefined, 'gbaUAware' in more);
  }
  const { ksNaf, uss } = await naf.fetch(query({ gsIds: [1] }));
  assert.equal(ksNaf.bytes().toString('base64'), uaPassword(run, NAF));
  assert.deepEqual(uss, [USS[0]?.uss]);
});

test('the BSF answers with the codes of the interface', async () => {
  const config = diameterSchema.parse(node(NAF, [reach(bsf.ports.diameter)]));
  // Another node of this name is connected already in other tests: this one has its own BSF.
  const own = kept(
    await startLabBsf({
      hss: { url: 'https://127.0.0.1:1', serverName: HSS },
      diameter: node(BSF, [{ host: NAF, transport: 'tcp' }], { listen: { port: 0, transport: 'tcp' } }),
    }),
  );
  config.peers = [
    { host: BSF, transport: 'tcp', agent: false, connect: { address: '127.0.0.1', port: own.ports.diameter ?? 0 } },
  ];
  const deps = { clock: systemClock, random: systemRandom, log: silentLog };
  const naf: DiameterNode = kept(await startDiameterNode(config, [ZN_APPLICATION], [], deps));
  const way = { realm: 'home.test' };
  const send = async (avps: readonly Avp[]) =>
    resultOf(await naf.request(ZN_BOOTSTRAPPING_INFO, [...requestHead(naf, ZN_APPLICATION, way), ...avps], way));
  const avps = birAvps({ ...query(), gsIds: [], gbaUAware: false, nafFqdn: NAF });
  assert.deepEqual(await send(avps), { vendorId: 10_415, code: 5403 });
  const other = [...without(402)(avps), make(NAF_ID, Buffer.from('other.test\u0001\u0000\u0000\u0000\u0002'))];
  assert.deepEqual(await send(other), { vendorId: 10_415, code: 5402 });
  assert.deepEqual(await send(without(401)(avps)), { vendorId: 0, code: 5005 });
  assert.deepEqual(await send([...without(402)(avps), make(NAF_ID, Buffer.alloc(3))]), { vendorId: 0, code: 5004 });
  assert.deepEqual(await send([...avps, make(NAF_ID, Buffer.from('x'))]), { vendorId: 0, code: 5009 });
});

test('Ua with the key over Zn: the middleware does not know what carried it', async () => {
  const naf = gbaAuth({ fqdn: NAF, zn: clientOf(NAF) });
  const server = kept(await listen(naf.protect(page), { address: '127.0.0.1', port: 0 }));
  const url = `http://127.0.0.1:${server.port}`;
  const who = { btid: run.btid, password: uaPassword(run, NAF) };
  const passed = await ask(url, credentialsForNaf(await ask(url), who));
  assert.equal(passed.status, 200);
  assert.equal(passed.headers['x-btid'], run.btid);
  const refused = await ask(url, credentialsForNaf(await ask(url), { ...who, password: 'wrong' }));
  assert.equal(refused.status, 401);
});

const credentialsForNaf = (challenge: Awaited<ReturnType<typeof ask>>, who: { btid: string; password: string }) =>
  credentialsFor(challenge, who);

test('a BSF that is not there is unreachable, retryable; routes that contradict each other are refused', async () => {
  const lonely = znRoutesSchema.parse([
    { bsf: BSF, diameter: { realm: 'home.test', node: node(NAF, [reach(1)], { requestSeconds: 1 }) } },
  ]);
  const zn = kept(createZnClient({ routes: lonely, tls: pki.pem(NAF) }));
  await assert.rejects(zn.fetch(query()), { code: 'peer-unreachable', retryable: true });
  const other = { bsf: 'bsf.other.test', diameter: { realm: 'other.test', node: node(NAF, [reach(1)]) } };
  const [first, second] = znRoutesSchema.parse([
    route(NAF),
    { ...other, bsf: 'x.test', diameter: route(NAF).diameter },
  ]);
  assert.ok(first && second, 'one node, two routes');
  assert.throws(() => createZnClient({ routes: [first, ...znRoutesSchema.parse([other])], tls: pki.pem(NAF) }), {
    code: 'config-invalid',
  });
  const both = { ...route(NAF), peer: { url: bsf.sbi, serverName: BSF } };
  for (const bad of [both, { bsf: BSF }, { bsf: BSF, diameter: { realm: 'home.test' } }]) {
    assert.equal(znRoutesSchema.safeParse([bad]).success, false);
  }
});
