import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import { verifyPackage } from '../../src/mcim/index.ts';
import { type Claims, deriveTokenKeys, makeToken, releaseLock } from '../../src/token/index.ts';
import { spkiSha256 } from '../../src/x509/index.ts';
import { fromPva, resultFor } from './ordering-support.ts';
import { eventually, type Lab, M2ME, startLab } from './support.ts';

const HOUR = 3_600_000;
let lab: Lab;
before(async () => {
  lab = await startLab(['1@b.test', '2@b.test', '3@b.test']);
});
after(() => lab.close());

/** An order whose token lists the keys of `names`. */
async function order(names: readonly string[], change: Partial<Claims> = {}): Promise<string> {
  const serial = systemRandom.bytes(16);
  const now = Math.floor(systemClock.now() / 1000) * 1000;
  const claims: Claims = {
    version: 1,
    serial,
    bootstrap: { blinded: Buffer.alloc(32, 1) },
    m2meId: M2ME,
    newSho: { id: 'sho-a.test', keyHashes: names.map((name) => spkiSha256(lab.signer(name).key)) },
    roId: 'ro.test',
    permissions: { install: true, unregister: true },
    notBefore: now,
    notAfter: now + HOUR,
    releaseLock: releaseLock(systemRandom.bytes(32)),
    ...change,
  };
  const token = makeToken(claims, deriveTokenKeys(SecretKey.adopt(systemRandom.bytes(32)), serial));
  const json = { m2meId: M2ME, roId: 'ro.test', pvaId: 'pva.test', algorithms: ['milenage'] };
  const body = { json: { ...json, token: token.toString('base64') } };
  const answer = await lab.as('owner.test').send('POST', '/owner/v1/orders', body);
  assert.equal(answer.status, 201, answer.cause());
  return (JSON.parse(answer.body.toString()) as { orderId: string }).orderId;
}

async function validate(orderId: string): Promise<void> {
  assert.equal((await fromPva(lab, await resultFor(lab, orderId))).status, 204);
}

async function stateOf(orderId: string): Promise<{ state: string; reason?: string }> {
  const answer = await lab.as('owner.test').send('GET', `/owner/v1/orders/${orderId}`);
  return JSON.parse(answer.body.toString()) as { state: string; reason?: string };
}

const end = (orderId: string) =>
  lab.as('ro.test').send('POST', '/ro/v1/refusals', { json: { orderId, reason: 'token-expired' } });

test('both keys of a rollover are published, the one in use first', async () => {
  await lab.restart(['hss.test', 'sho-a.test']);
  const answer = await lab.as('owner.test').send('GET', '/public/v1/signing-keys');
  const { keyHashes } = JSON.parse(answer.body.toString()) as { keyHashes: string[] };
  const hashes = ['hss.test', 'sho-a.test'].map((name) => spkiSha256(lab.signer(name).key).toString('hex'));
  assert.deepEqual(keyHashes, hashes);
});

test('key rollover in mid-order: the package is signed with a key that the token lists', async () => {
  await lab.restart(['sho-a.test']);
  const orderId = await order(['sho-a.test']);
  await lab.restart(['hss.test', 'sho-a.test']);
  await validate(orderId);
  const delivered = () =>
    lab.received.find(({ path, json }) => path.endsWith('deliveries') && json['orderId'] === orderId);
  await eventually(() => delivered() !== undefined);
  const { signer } = await verifyPackage(Buffer.from(String(delivered()?.json['package']), 'base64'));
  assert.equal(signer.spkiSha256, spkiSha256(lab.signer('sho-a.test').key).toString('hex'));
  assert.equal((await end(orderId)).status, 204);
});

test('key rollover that leaves no listed key: refused before step 8, nothing is delivered', async () => {
  await lab.restart(['sho-a.test']);
  const orderId = await order(['sho-a.test']);
  await lab.restart(['hss.test']);
  await validate(orderId);
  await eventually(async () => (await stateOf(orderId)).state === 'refused');
  assert.equal((await stateOf(orderId)).reason, 'signing-key-retired');
  assert.equal(
    lab.received.some(({ path, json }) => path.endsWith('deliveries') && json['orderId'] === orderId),
    false,
  );
});

test('an order whose token runs out before anything was delivered ends by itself', async () => {
  await lab.restart(['sho-a.test']);
  const orderId = await order(['sho-a.test']);
  lab.time.ahead = 2 * HOUR;
  await lab.restart(['sho-a.test']);
  await eventually(async () => (await stateOf(orderId)).state === 'refused');
  assert.equal((await stateOf(orderId)).reason, 'token-expired');
  lab.time.ahead = 0;
});
