import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { bsfConfigSchema } from '../../src/bsf/index.ts';
import { flipRes } from '../../src/gba/index.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { answerTo, authenticate, bootstrap, firstRequest, send, testSubscriber, ubHeaders } from '../support/ue.ts';
import { BSF, NAF, startTestBsf } from './support.ts';
import { play } from './ue-player.ts';
import { UE_PROFILES } from './ue-profiles.ts';

type Lab = Awaited<ReturnType<typeof startTestBsf>>;
let lab: Lab;
/** Phones trust another authority than the operator's functions. */
let phones: TestPki;
const lines: string[] = [];

before(async () => {
  phones = makeTestPki([BSF]);
  const { cert, key } = phones.files(BSF);
  lab = await startTestBsf({ config: { ubHttps: { port: 0 }, ubCertificate: { cert, key } }, lines });
});
after(() => lab.bsf.close());

let serial = 0;
for (const over of ['http', 'https'] as const) {
  for (const profile of UE_PROFILES) {
    test(`${over}: ${profile.name}`, async () => {
      const ue = { ...testSubscriber(`user${++serial}@ims.test`), gbaU: profile.card === 'GBA_U' };
      lab.hss.add(ue.impi, ue.keys, { uiccType: profile.card === 'GBA_U' ? 'GBA_U' : 'GBA' });
      if (profile.tmpi === 'known') await bootstrap(lab.ub, ue, BSF);
      if (profile.tmpi === 'forgotten') ue.tmpi = `${'A'.repeat(32)}@tmpi.bsf.3gppnetwork.org`;
      if (profile.ahead) ue.sqn = { ...ue.sqn, seqs: ue.sqn.seqs.map(() => 1000) };
      const taken = async () =>
        (await lab.store.list<{ impi: string }>('bsf-tmpi')).filter((e) => e.value.impi === ue.impi);
      const before = (await taken()).length;
      const where =
        over === 'http'
          ? { port: lab.bsf.ports.ub, host: BSF }
          : { port: lab.bsf.ports.ubHttps ?? 0, host: BSF, ca: readFileSync(phones.ca, 'utf8') };

      const { statuses, last, btid } = await play(profile, where, ue);
      assert.deepEqual(statuses, profile.expect.statuses);
      assert.match(last.headers['server'] ?? '', /3gpp-gba-tmpi/, 'every answer says what this BSF knows');
      assert.equal(btid !== undefined, last.status === 200);
      if (btid !== undefined) assert.ok(await lab.store.get('bsf-context', btid));
      assert.equal((await taken()).length > before, profile.expect.tmpi === true);
      if (profile.expect.problem !== undefined) {
        assert.equal(JSON.parse(last.body.toString()).cause, profile.expect.problem);
        assert.ok(profile.rules.final.includes(last.status), 'what a phone need not try again');
      }
    });
  }
}

test('what phones say about themselves is not logged', () => {
  assert.ok(lines.length > 0);
  for (const value of ['356938035643809', 'sip:user@ims.test', 'Keep-Alive', 'mode=me', 'Bootstrapping Client']) {
    assert.equal(lines.join('\n').includes(value), false, value);
  }
});

test('HTTPS shows the certificate that phones trust, and no other port does', async () => {
  const shown = async (port: number): Promise<string | undefined> => {
    const socket = connect({ port, host: '127.0.0.1', servername: BSF, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate();
    socket.destroy();
    return certificate?.fingerprint256;
  };
  const file = (pki: TestPki) => new X509Certificate(pki.pem(BSF).cert).fingerprint256;
  assert.equal(await shown(lab.bsf.ports.ubHttps ?? 0), file(phones));
  assert.equal(await shown(lab.bsf.ports.sbi), file(lab.pki));
});

test('cards that answer with a plain RES in GBA_U are served where the operator says so, and nowhere else', async () => {
  const plain = await startTestBsf({ pki: lab.pki, config: { gbaURes: 'plain' } });
  for (const [where, plainStatus, flippedStatus] of [
    [plain, 200, 401],
    [lab, 401, 200],
  ] as const) {
    for (const form of ['plain', 'flipped'] as const) {
      const ue = { ...testSubscriber(`${form}@ims.test`), gbaU: true };
      where.hss.add(ue.impi, ue.keys, { uiccType: 'GBA_U' });
      const challenge = await firstRequest(where.ub, ue.impi, BSF);
      const nonce = /nonce="([^"]*)"/.exec(String(challenge.headers['www-authenticate']))?.[1] ?? '';
      const card = authenticate(ue, nonce);
      assert.ok(card.result === 'ok');
      const res = form === 'plain' ? flipRes(card.res) : card.res;
      const answer = await send(where.ub, { headers: ubHeaders(answerTo(challenge, ue.impi, res)) });
      assert.equal(answer.status, form === 'plain' ? plainStatus : flippedStatus, form);
    }
  }
  await plain.bsf.close();
});

test('configuration: a certificate for HTTPS without HTTPS is a mistake', () => {
  const config = {
    name: BSF,
    ub: { port: 0 },
    sbi: { port: 0 },
    tls: lab.pki.files(BSF),
    hss: { url: 'https://127.0.0.1:1', serverName: 'hss' },
    nafs: [{ client: NAF, hosts: [NAF] }],
    store: { driver: 'memory' },
    keyFile: 'x',
  };
  assert.ok(bsfConfigSchema.safeParse(config).success);
  assert.ok(bsfConfigSchema.safeParse({ ...config, ubHttps: { port: 1 } }).success);
  for (const wrong of [{ ubCertificate: { cert: 'c', key: 'k' } }, { gbaURes: 'both' }, { ubHttps: { port: -1 } }]) {
    assert.equal(bsfConfigSchema.safeParse({ ...config, ...wrong }).success, false);
  }
});
