import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createSqnState } from '../../src/aka/index.ts';
import { silentLog, systemRandom } from '../../src/base/index.ts';
import { bsfConfigSchema, type RunningBsf, startBsf } from '../../src/bsf/index.ts';
import { hssConfigSchema, type RunningHss, startHss } from '../../src/hss/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { bootstrap, firstRequest, testSubscriber } from '../support/ue.ts';
import { seen } from './support.ts';

const BSF = 'bsf.sho-a.test';
const HSS = 'hss.sho-a.test';
const pki = makeTestPki([BSF, HSS, 'stranger.test']);
const dir = mkdtempSync(join(tmpdir(), 'gba-hss-client-'));
const keyFile = join(dir, 'key');
const ue = testSubscriber();
const deps = { clock: { now: () => Date.UTC(2027, 0, 1) }, random: systemRandom, log: silentLog };
let hss: RunningHss;
let bsf: RunningBsf;
let stranger: RunningBsf;

before(async () => {
  writeFileSync(keyFile, systemRandom.bytes(32).toString('hex'));
  const subscribersFile = join(dir, 'subscribers.json');
  const [k, opc] = [ue.keys.k.bytes().toString('hex'), ue.keys.opc.bytes().toString('hex')];
  writeFileSync(subscribersFile, JSON.stringify([{ impi: ue.impi, k, opc, keyLifetimeSeconds: 120 }]));
  const common = { store: { driver: 'memory' }, keyFile, sbi: { port: 0 } };
  hss = await startHss(
    hssConfigSchema.parse({
      ...common,
      name: HSS,
      tls: pki.files(HSS),
      clients: { av: [BSF], admin: [] },
      subscribersFile,
    }),
    deps,
  );
  const start = (name: string) =>
    startBsf(
      bsfConfigSchema.parse({
        ...common,
        name,
        ub: { port: 0 },
        tls: pki.files(name),
        hss: { url: `https://127.0.0.1:${hss.ports.sbi}`, serverName: HSS },
        nafs: [],
      }),
      deps,
    );
  [bsf, stranger] = await Promise.all([start(BSF), start('stranger.test')]);
});
after(() => Promise.all([bsf.close(), stranger.close(), hss.close()]));

test('vectors, lifetime and resynchronisation come from a real HSS over SBI', async () => {
  const url = `http://127.0.0.1:${bsf.ports.ub}`;
  const first = await bootstrap(url, ue, BSF);
  assert.equal(first.lifetime, deps.clock.now() + 120_000);
  ue.sqn = { ...createSqnState(), seqs: ue.sqn.seqs.map(() => 5000) };
  const second = await bootstrap(url, ue, BSF);
  assert.notEqual(second.btid, first.btid);
});

test('a subscriber that the HSS does not know looks like one that it knows', async () => {
  const url = `http://127.0.0.1:${bsf.ports.ub}`;
  assert.equal(seen(await firstRequest(url, 'nobody@ims.test', BSF)), seen(await firstRequest(url, ue.impi, BSF)));
});

test('a BSF that the HSS does not serve cannot bootstrap anybody', async () => {
  const answer = await firstRequest(`http://127.0.0.1:${stranger.ports.ub}`, ue.impi, 'stranger.test');
  assert.equal(answer.status, 401);
  delete ue.tmpi;
  await assert.rejects(
    bootstrap(`http://127.0.0.1:${stranger.ports.ub}`, ue, 'stranger.test'),
    /network authentication failed/,
  );
});
