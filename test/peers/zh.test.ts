import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSqnState } from '../../src/aka/index.ts';
import { UA_HTTP_DIGEST } from '../../src/gba/index.ts';
import { createZnClient } from '../../src/naf/index.ts';
import { BSF, HSS, IMPI, NAF, pki, STRANGER, startLabBsf, USS } from '../diameter/lab.ts';
import { kept } from '../support/kept.ts';
import { freeBasePort } from '../support/ports.ts';
import { bootstrap, firstRequest, testSubscriber, uaPassword } from '../support/ue.ts';
import { freeDiameterMissing, startRelay } from './free-diameter.ts';
import { startRecorder } from './recorder.ts';
import { calling, LINK_UP, listening, startBehindRelay, waitFor } from './support.ts';
import { decode, tsharkMissing } from './tshark.ts';

test('Zh through freeDiameter in clear', { skip: freeDiameterMissing }, async (t) => {
  const { hss, bsf, hssLines, bsfLines } = await startBehindRelay(listening, { HSS, BSF });
  const toHss = kept(await startRecorder(() => hss.ports.diameter ?? 0));
  const toBsf = kept(await startRecorder(() => bsf.ports.diameter ?? 0));
  const peers = [
    { host: HSS, port: toHss.port },
    { host: BSF, port: toBsf.port },
  ];
  const relay = kept(await startRelay({ peers }));
  await Promise.all([waitFor(hssLines, LINK_UP, relay.log), waitFor(bsfLines, LINK_UP, relay.log)]);

  await t.test('a card out of step, GUSS and keys', async () => {
    const ahead = { ...createSqnState(), seqs: Array.from({ length: 32 }, () => 9_000) };
    const run = await bootstrap(bsf.ub, { ...testSubscriber(IMPI), sqn: ahead }, BSF);
    assert.ok(
      hssLines.some((line) => line.includes('"resync":true')),
      'the resynchronisation went through the relay',
    );
    const zn = createZnClient({ routes: [{ bsf: BSF, peer: { url: bsf.sbi, serverName: BSF } }], tls: pki.pem(NAF) });
    const answer = await zn.fetch({ btid: run.btid, nafFqdn: NAF, uaId: UA_HTTP_DIGEST, gsIds: [1] });
    zn.close();
    assert.equal(answer.ksNaf.bytes().toString('base64'), uaPassword(run, NAF));
    assert.deepEqual(answer.uss, [USS[0]?.uss]);
  });

  await t.test('an unknown subscriber (5401), and no HSS behind the relay (3002)', async () => {
    assert.equal((await firstRequest(bsf.ub, 'nobody@home.test', BSF)).status, 401);
    assert.ok(bsfLines.some((line) => line.includes('"ub-no-vector"')));
    await hss.close();
    const lost = await firstRequest(bsf.ub, IMPI, BSF);
    assert.equal(lost.status, 503);
  });

  await bsf.close();
  await relay.close();
  await t.test('tshark reads every frame of it', { skip: tsharkMissing }, () => {
    for (const { pieces } of [toHss, toBsf]) {
      const { commands, complaints, text } = decode(pieces);
      assert.deepEqual(complaints, [], text);
      for (const code of [257, 282]) assert.ok(commands.filter((one) => one === code).length >= 2, `${commands}`);
      assert.ok(commands.filter((one) => one === 303).length >= 6, `${commands}`);
      assert.match(text, /SIP-Authenticate\(609\)/);
      assert.match(text, /Experimental-Result-Code\(298\).*5401/);
    }
    assert.match(decode(toHss.pieces).text, /Route-Record\(282\).*bsf\.home\.test/);
    assert.match(decode(toBsf.pieces).text, /UNABLE_TO_DELIVER/);
  });

  await t.test('tshark complains of a frame that is wrong', { skip: tsharkMissing }, () => {
    const [first, ...rest] = toHss.pieces;
    assert.ok(first);
    const octets = Buffer.from(first.octets);
    octets.writeUIntBE(200, 25, 3);
    assert.notDeepEqual(decode([{ ...first, octets }, ...rest]).complaints, []);
  });
});

test('Zh through freeDiameter over mutual TLS, which we open', { skip: freeDiameterMissing }, async () => {
  const port = await freeBasePort(1);
  const relay = kept(await startRelay({ secure: [HSS, BSF], securePort: port }));
  const { bsf, hssLines, bsfLines } = await startBehindRelay((host) => calling(host, port), { HSS, BSF });
  await Promise.all([waitFor(hssLines, LINK_UP, relay.log), waitFor(bsfLines, LINK_UP, relay.log)]);
  const run = await bootstrap(bsf.ub, testSubscriber(IMPI), BSF);
  assert.ok(run.btid.endsWith(BSF));

  // The relay does not know this one: its CEA refuses, and the link never comes up.
  const lines: string[] = [];
  const stranger = kept(
    await startLabBsf({
      hss: { diameter: { realm: 'home.test' } },
      diameter: calling(STRANGER, port),
      config: { tls: pki.files(STRANGER) },
      lines,
    }),
  );
  assert.equal((await firstRequest(stranger.ub, IMPI, BSF)).status, 503);
  assert.equal(
    lines.some((line) => line.includes(LINK_UP)),
    false,
  );
  assert.match(relay.log(), /stranger\.test/);
});
