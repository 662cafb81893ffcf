import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createClient, listen, NBSP_GBA_PATH, type RunningServer } from '../../src/http/index.ts';
import { createZnClient } from '../../src/naf/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { firstRequest } from '../support/ue.ts';
import { BSF, NAF, seen, startTestBsf } from './support.ts';

const HSS = 'hss.foreign.test';
const pki = makeTestPki([BSF, NAF, HSS]);
const AV = {
  rand: '00'.repeat(16),
  autn: '11'.repeat(16),
  xres: 'A1'.repeat(8),
  ck: '22'.repeat(16),
  ik: '33'.repeat(16),
};

/** What the other vendor's HSS answers: status and body. */
let vector: [number, string];
let data: [number, string];
let server: RunningServer;
let lab: Awaited<ReturnType<typeof startTestBsf>>;
let rand = 0;

before(async () => {
  server = await listen(
    (req, res) => {
      const [status, body] = req.url?.includes('generate-auth-data') === true ? vector : data;
      req.resume();
      res.writeHead(status, { 'content-type': 'application/json', location: 'https://127.0.0.1:1/' });
      res.end(body);
    },
    { address: '127.0.0.1', port: 0, tls: pki.pem(HSS), clientCertificate: 'required' },
  );
  const url = `https://127.0.0.1:${server.port}`;
  lab = await startTestBsf({
    pki,
    hssOverSbi: { url, serverName: HSS },
    config: { maxOutstanding: 1000, maxOutstandingFromOne: 1000, maxOutstandingPerAddress: 10_000 },
  });
});
beforeEach(() => {
  rand++;
  vector = [200, JSON.stringify({ '3gAkaAv': { ...AV, rand: rand.toString(16).padStart(32, '0') } })];
  data = [404, ''];
});
after(async () => {
  await lab.bsf.close();
  await server.close();
});

const ask = () => firstRequest(lab.ub, 'user@ims.test', BSF);

test('a vector without an IMPI, in capitals, with members nobody knows, and no GUSS, is enough', async () => {
  vector[1] = vector[1].replace('{"3gAkaAv"', '{"supportedFeatures":"0","new":{"a":[1]},"3gAkaAv"');
  assert.equal((await ask()).status, 401);
  data = [200, '{}'];
  rand++;
  vector = [200, JSON.stringify({ '3gAkaAv': { ...AV, rand: rand.toString(16).padStart(32, '0') } })];
  assert.equal((await ask()).status, 401);
});

test("what the HSS gets wrong is 502, never the UE's fault", async () => {
  const [, good] = vector;
  const answers: [number, string][] = [
    [200, 'not JSON'],
    [200, '{}'],
    [200, good.replace(AV.xres, `${AV.xres}a`)],
    [200, good.replace(AV.xres, 'a1'.repeat(3))],
    [200, good.replace(AV.ck, 'xx')],
    [200, good.replace('{', '{"impi":"",')],
    [200, good.replace('{', `{"impi":"${'x'.repeat(3000)}",`)],
    [307, ''],
    [401, ''],
    [400, ''],
  ];
  for (const one of answers) {
    vector = one;
    assert.equal((await ask()).status, 502, `${one}`.slice(0, 200));
  }
  vector = [200, good];
  for (const body of ['[]', '{"guss":{"bsfInfo":{"lifeTime":1e15}}}', '{"guss":{"ussList":[]}}']) {
    data = [200, body];
    assert.equal((await ask()).status, 502, body);
  }
  data = [307, ''];
  assert.equal((await ask()).status, 502);
  data = [503, ''];
  assert.equal((await ask()).status, 503);
});

test('a subscriber who may not use GBA looks like one that nobody has, wherever the HSS says so', async () => {
  vector = [404, ''];
  const unknown = seen(await ask());
  vector = [403, ''];
  assert.equal(seen(await ask()), unknown);
  vector = [200, JSON.stringify({ '3gAkaAv': AV })];
  data = [403, ''];
  assert.equal(seen(await ask()), unknown);
});

test("a foreign BSF's answer that is not the interface's JSON is its fault too", async () => {
  const bsf = await listen((_req, res) => res.end('{"meKeyMaterial":"00"}'), {
    address: '127.0.0.1',
    port: 0,
    tls: pki.pem(BSF),
  });
  const peer = { url: `https://127.0.0.1:${bsf.port}/api/root/`, serverName: BSF };
  const zn = createZnClient({ routes: [{ bsf: BSF, peer }], tls: pki.pem(NAF) });
  const query = { btid: `AAAAAAAAAAAAAAAAAAAAAA==@${BSF}`, nafFqdn: NAF, uaId: Buffer.from('0100000002', 'hex') };
  await assert.rejects(zn.fetch(query), { code: 'peer-refused' });
  zn.close();
  await bsf.close();
});

test('an apiRoot may have a path', async () => {
  const targets: unknown[] = [];
  const echo = await listen(
    (req, res) => {
      targets.push(req.url);
      res.end();
    },
    { address: '127.0.0.1', port: 0 },
  );
  for (const root of ['', '/', '/api/root', '/api/root/']) {
    const client = createClient({ url: `http://127.0.0.1:${echo.port}${root}` });
    await client.send('POST', NBSP_GBA_PATH);
    client.close();
  }
  assert.deepEqual(targets, [
    ...[NBSP_GBA_PATH, NBSP_GBA_PATH],
    ...[`/api/root${NBSP_GBA_PATH}`, `/api/root${NBSP_GBA_PATH}`],
  ]);
  await echo.close();
});
