import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import { deriveTokenKeys, makeToken, makeValidation, releaseLock } from '../../src/token/index.ts';
import { spkiSha256 } from '../../src/x509/index.ts';
import { eventually, type Lab, M2ME, NEW_IMPI, startLab } from './support.ts';

let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab.close());

test('a refusal before step 8 takes the subscription out of the HSS, and is taken only once', async () => {
  const serial = systemRandom.bytes(16);
  const now = Math.floor(systemClock.now() / 1000) * 1000;
  const token = makeToken(
    {
      version: 1,
      serial,
      bootstrap: { blinded: Buffer.alloc(32, 1) },
      m2meId: M2ME,
      newSho: { id: 'sho-a.test', keyHashes: [spkiSha256(lab.signer('sho-a.test').key)] },
      roId: 'ro.test',
      permissions: { install: true, unregister: true },
      notBefore: now,
      notAfter: now + 3_600_000,
      releaseLock: releaseLock(systemRandom.bytes(32)),
    },
    deriveTokenKeys(SecretKey.adopt(systemRandom.bytes(32)), serial),
  );
  const json = { m2meId: M2ME, roId: 'ro.test', pvaId: 'pva.test', algorithms: ['milenage'] };
  const taken = await lab
    .as('owner.test')
    .send('POST', '/owner/v1/orders', { json: { ...json, token: token.toString('base64') } });
  const { orderId } = JSON.parse(taken.body.toString('utf8')) as { orderId: string };
  await eventually(() => lab.received.length > 0);
  const result = await makeValidation(
    {
      orderId,
      nonce: Buffer.from(String(lab.received[0]?.json['nonce']), 'hex'),
      m2meId: M2ME,
      positive: true,
      reason: '',
      notAfter: now + 3_600_000,
      treCertificate: lab.certificate(M2ME),
    },
    lab.signer('pva.test'),
  );
  const validated = { orderId, result: result.toString('base64') };
  assert.equal((await lab.as('pva.test').send('POST', '/pva/v1/results', { json: validated })).status, 204);
  await eventually(() => lab.received.some((one) => one.path === '/sho/v1/deliveries'));
  assert.ok(await lab.hssHas(NEW_IMPI));

  const refusal = { json: { orderId, reason: 'token-expired' } };
  const stranger = await lab.as('stranger.test').send('POST', '/ro/v1/refusals', refusal);
  assert.equal(stranger.cause(), 'forbidden');
  assert.ok(await lab.hssHas(NEW_IMPI));
  for (let i = 0; i < 2; i++) {
    assert.equal((await lab.as('ro.test').send('POST', '/ro/v1/refusals', refusal)).status, 204);
  }
  await eventually(async () => !(await lab.hssHas(NEW_IMPI)));
});
