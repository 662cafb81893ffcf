import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UA_HTTP_DIGEST } from '../../src/gba/index.ts';
import type { ZnQuery } from '../../src/naf/index.ts';
import { BSF, HSS, IMPI, NAF, STRANGER, USS } from '../diameter/lab.ts';
import { kept } from '../support/kept.ts';
import { freeBasePort } from '../support/ports.ts';
import { type Bootstrap, bootstrap, testSubscriber, uaPassword } from '../support/ue.ts';
import { freeDiameterMissing, startRelay } from './free-diameter.ts';
import { startRecorder } from './recorder.ts';
import { calling, LINK_UP, listening, startBehindRelay, waitFor, znThrough } from './support.ts';
import { decode, tsharkMissing } from './tshark.ts';

const query = ({ btid }: Bootstrap, changes: Partial<ZnQuery> = {}): ZnQuery => ({
  btid,
  nafFqdn: NAF,
  uaId: UA_HTTP_DIGEST,
  ...changes,
});

test('Zh and Zn through one freeDiameter, the NAF in another realm, in clear', {
  skip: freeDiameterMissing,
}, async (t) => {
  const { hss, bsf, hssLines, bsfLines } = await startBehindRelay(listening, { HSS, BSF });
  const [nafPort, strangerPort] = [await freeBasePort(1), await freeBasePort(1)];
  const toNaf = kept(await startRecorder(() => nafPort));
  const toBsf = kept(await startRecorder(() => bsf.ports.diameter ?? 0));
  const naf = znThrough(listening(NAF, nafPort), BSF);
  const stranger = znThrough(listening(STRANGER, strangerPort), BSF);
  const relay = kept(
    await startRelay({
      peers: [
        { host: HSS, port: hss.ports.diameter ?? 0 },
        { host: BSF, port: toBsf.port },
        { host: NAF, port: toNaf.port },
        { host: STRANGER, port: strangerPort },
      ],
    }),
  );
  await Promise.all([waitFor(hssLines, LINK_UP, relay.log), waitFor(bsfLines, LINK_UP, relay.log)]);
  const run = await bootstrap(bsf.ub, testSubscriber(IMPI), BSF);

  await t.test('the key, its end and the settings', async () => {
    const answer = await eventually(() => naf.fetch(query(run, { gsIds: [1, 7], gbaUAware: true })));
    assert.equal(answer.ksNaf.bytes().toString('base64'), uaPassword(run, NAF));
    assert.equal(answer.keyExpiry, run.lifetime);
    assert.equal(answer.impi, IMPI);
    assert.deepEqual(answer.uss, [USS[0]?.uss]);
  });

  await t.test('5402 for a NAF that may not, or not for this host; 5403 for a B-TID that nobody has', async () => {
    await eventually(() => assert.rejects(stranger.fetch(query(run)), { code: 'naf-not-allowed' }));
    await assert.rejects(naf.fetch(query(run, { nafFqdn: 'other.test' })), { code: 'naf-not-allowed' });
    const gone = { btid: `AAAAAAAAAAAAAAAAAAAAAA==@${BSF}` };
    await assert.rejects(naf.fetch(query(run, gone)), { code: 'btid-unknown' });
  });

  naf.close();
  stranger.close();
  await bsf.close();
  await relay.close();
  await t.test('tshark reads every frame of it', { skip: tsharkMissing }, () => {
    for (const { pieces } of [toNaf, toBsf]) {
      const { commands, complaints, text } = decode(pieces);
      assert.deepEqual(complaints, [], text);
      assert.ok(commands.filter((one) => one === 310).length >= 6, `${commands}`);
      // As the list of IANA spells it.
      assert.match(text, /Boostrapping-Info/);
      for (const name of ['ME-Key-Material', 'Key-ExpiryTime', 'GBA-UserSecSettings', 'Transaction-Identifier']) {
        assert.ok(text.includes(name), name);
      }
      for (const code of [/298\).*5402/, /298\).*5403/]) assert.match(text, code);
    }
  });
});

/** The relay reaches its peers one after the other: until then it says that it cannot deliver. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const waits = JSON.stringify(error).includes('peer-unreachable') || String(error).includes('peer-unreachable');
      if (!waits || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test('Zn through freeDiameter over mutual TLS; a realm that the relay cannot reach', {
  skip: freeDiameterMissing,
}, async () => {
  const port = await freeBasePort(1);
  const relay = kept(await startRelay({ secure: [HSS, BSF, NAF], securePort: port }));
  const { bsf, hssLines, bsfLines } = await startBehindRelay((host) => calling(host, port), { HSS, BSF });
  await Promise.all([waitFor(hssLines, LINK_UP, relay.log), waitFor(bsfLines, LINK_UP, relay.log)]);
  const run = await bootstrap(bsf.ub, testSubscriber(IMPI), BSF);
  const naf = znThrough(calling(NAF, port), BSF);
  const { ksNaf } = await naf.fetch(query(run));
  assert.equal(ksNaf.bytes().toString('base64'), uaPassword(run, NAF));
  naf.close();
  const lost = znThrough(calling(NAF, port), BSF, 'nowhere.test');
  await assert.rejects(lost.fetch(query(run)), { code: 'peer-unreachable', retryable: true });
});
