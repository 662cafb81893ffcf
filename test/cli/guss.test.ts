import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { hssConfigSchema, startHss } from '../../src/hss/index.ts';
import { createClient, gbaSubscriberDataSchema, subscriberDataPath, ueIdOfImpi } from '../../src/http/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { gba } from './process.ts';

const IMPI = 'alice@ims.test';
const [HSS, BSF] = ['hss.test', 'bsf.test'];
const pki = makeTestPki([HSS, BSF]);
const dir = mkdtempSync(join(tmpdir(), 'gba-cli-guss-'));
const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};
const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const config = {
  name: HSS,
  sbi: { port: 0 },
  tls: pki.files(HSS),
  clients: { av: [BSF], admin: [] },
  subscribersFile: file('subscribers.json', JSON.stringify([{ impi: IMPI, k: K, opc: K }])),
  store: { driver: 'lmdb', path: join(dir, 'store') },
  keyFile: file('key', '00'.repeat(32)),
};
const path = file('hss.json', JSON.stringify(config));
const memory = file('memory.json', JSON.stringify({ ...config, store: { driver: 'memory' } }));
const XML = `<guss id="${IMPI}">\n<ussList><uss id="4" type="4"><uids><uid>sip:alice@ims.test</uid></uids></uss></ussList></guss>`;

let hss: Awaited<ReturnType<typeof startHss>>;
before(async () => {
  hss = await startHss(hssConfigSchema.parse(config), { clock: systemClock, random: systemRandom, log: silentLog });
});
after(async () => {
  await hss.close();
  for (const folder of [dir, pki.dir]) rmSync(folder, { recursive: true, force: true });
});
const guss = (...args: string[]) => gba(['hss', 'guss', ...args]);
const refused = async (args: string[], code: string, message: RegExp) => {
  const run = await guss(...args);
  assert.deepEqual([run.code, run.out], [1, ''], args.join(' '));
  assert.match(run.err, new RegExp(`^gba: ${code}: `));
  assert.match(run.err, message);
};

test('what cannot be set is refused with its place; nothing is set', async () => {
  const wrong = file('wrong.xml', XML.replace('<uids>', '<uds>').replace('</uids>', '</uds>'));
  await refused(['check', wrong], 'guss-invalid', /line 2, guss\/ussList\/uss\/uds/);
  await refused(['set', IMPI, wrong, '--config', path], 'guss-invalid', /line 2/);
  const json = file('wrong.json', JSON.stringify({ ussList: [{ uss: { gsId: 1, gsType: 1, ueIds: [] } }] }));
  await refused(['check', json], 'guss-invalid', /at ussList\.0\.uss\.ueIds/);
  await refused(['check', file('wrong.yaml', 'bsfInfo: {\n')], 'guss-invalid', /at line/);
  const right = file('right.xml', XML);
  await refused(['set', 'bob@ims.test', right, '--config', path], 'guss-invalid', /another IMPI/);
  await refused(['show', 'bob@ims.test', '--config', path], 'user-unknown', /./);
  await refused(['show', IMPI, '--config', memory], 'config-invalid', /memory/);
  assert.equal((await guss('show', IMPI)).code, 2);
  assert.deepEqual(JSON.parse((await guss('show', IMPI, '--config', path, '--json')).out), {});
});

test('a running HSS serves what was set, and no longer what was removed', async () => {
  const right = file('right.xml', XML);
  assert.equal((await guss('check', right)).out, 'valid, services: 1\n');
  assert.match((await guss('set', IMPI, right, '--config', path)).out, /settings of 1 services/);
  const client = createClient({ url: `https://127.0.0.1:${hss.ports.sbi}`, serverName: HSS, tls: pki.pem(BSF) });
  const served = async () =>
    (await client.send('GET', subscriberDataPath(ueIdOfImpi(IMPI)))).json(gbaSubscriberDataSchema).guss;
  const settings = { ussList: [{ uss: { gsId: 4, gsType: 4, ueIds: [{ ueId: 'sip:alice@ims.test' }] } }] };
  assert.deepEqual(await served(), settings);
  const shown = (await guss('show', IMPI, '--config', path)).out;
  assert.match(shown, /<Extension><timestamp>.*<uss id="4" type="4">/);
  assert.equal((await guss('check', file('shown.xml', shown))).code, 0, 'what it shows, it takes');
  const asJson = file('shown.json', (await guss('show', IMPI, '--config', path, '--json')).out);
  assert.equal((await guss('remove', IMPI, '--config', path)).code, 0);
  assert.deepEqual(await served(), {});
  assert.equal((await guss('set', IMPI, asJson, '--config', path)).code, 0);
  assert.deepEqual(await served(), settings);
  client.close();
});
