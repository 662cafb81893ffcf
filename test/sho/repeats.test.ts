import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeReturn } from '../../src/token/index.ts';
import { asJson, becomes, fromPva, fromRo, HOUR, order, orderJson, resultFor } from './ordering-support.ts';
import { type Bootstrapped, eventually, type Lab, M2ME, OLD_IMPI, startLab } from './support.ts';

/** Every request that changes something can come twice; and its name can come again with something else. */

let lab: Lab;
let machine: Bootstrapped;
before(async () => {
  lab = await startLab(['1@b.test', '2@b.test', '3@b.test', '4@b.test']);
  machine = lab.bootstrap(OLD_IMPI);
  assert.equal((await lab.ua(machine, '/ua/v1/bootstraps', { m2meId: M2ME })).status, 204);
});
after(() => lab.close());

const wish = { m2meId: M2ME, newSho: { id: 'sho-b.test', keyHashes: ['11'.repeat(32)] }, roId: 'ro.test' };
const release = (key: string, json: object = wish) =>
  lab.as('owner.test').send('POST', '/owner/v1/releases', { json, headers: { 'idempotency-key': `"${key}"` } });

test('0: a release is ordered once under its key, however late the repeat comes', async () => {
  const first = asJson(await release('one'));
  assert.deepEqual(asJson(await release('one')), first);
  const serial = String(first['serial']);
  const message = { serial: Buffer.from(serial, 'hex'), m2meId: M2ME, reason: 'cancelled' };
  const bytes = makeReturn(message, lab.tokenKeys(machine, serial).return);
  assert.equal((await lab.device.send('POST', '/m2me/v1/returns', { bytes })).status, 204);
  const held = await lab.state();
  assert.deepEqual(asJson(await release('one')), first, 'the copy that was late on the way orders no second release');
  assert.equal(await lab.state(), held);
  assert.notEqual(asJson(await release('two'))['serial'], serial, 'a new key is a new wish');
});

test('0: another release under the same key is refused, and so is a key that is none', async () => {
  const held = await lab.state();
  const other = await release('two', { ...wish, validitySeconds: 60 });
  assert.deepEqual([other.status, other.cause()], [422, 'repeat-differs']);
  const odd = await release('white space');
  assert.deepEqual([odd.status, odd.cause()], [400, 'idempotency-key-invalid']);
  assert.equal(await lab.state(), held);
});

test('0: the key of one client says nothing to another', async () => {
  const answer = await lab.as('stranger.test').send('POST', '/owner/v1/releases', {
    json: wish,
    headers: { 'idempotency-key': '"two"' },
  });
  assert.equal(answer.cause(), 'not-owner');
});

test('1: an order is the same order even when its token has run out meanwhile; with another wish it is refused', async () => {
  const { orderId, token } = await order(lab);
  const again = (change: object = {}) =>
    lab.as('owner.test').send('POST', '/owner/v1/orders', { json: orderJson(token, change) });
  const other = await again({ bothPresent: true });
  assert.deepEqual([other.status, other.cause()], [422, 'repeat-differs']);
  lab.time.ahead = 2 * HOUR;
  assert.deepEqual(asJson(await again()), { orderId });
  await lab.restart(['sho-a.test']);
  await becomes(lab, orderId, 'refused');
  assert.deepEqual(asJson(await again()), { orderId }, 'the answer is still the same');
  lab.time.ahead = 0;
});

test('5: a result that was taken is taken again after its end; a second, contrary one is refused', async () => {
  const { orderId } = await order(lab);
  const result = await resultFor(lab, orderId);
  assert.equal((await fromPva(lab, result)).status, 204);
  await becomes(lab, orderId, 'delivered');
  lab.time.ahead = 2 * HOUR;
  assert.equal((await fromPva(lab, result)).status, 204);
  lab.time.ahead = 0;
  const contrary = await fromPva(lab, await resultFor(lab, orderId, { positive: false, reason: 'firmware' }));
  assert.deepEqual([contrary.status, contrary.cause()], [422, 'repeat-differs']);
  assert.equal((await fromRo(lab, 'refusals', { orderId, reason: 'token-expired' })).status, 204);
  assert.equal((await fromRo(lab, 'refusals', { orderId, reason: 'token-expired' })).status, 204);
});

test('13: the failure of a package that worked is refused', async () => {
  const { orderId, r } = await order(lab);
  assert.equal((await fromPva(lab, await resultFor(lab, orderId))).status, 204);
  await becomes(lab, orderId, 'delivered');
  const sent = lab.received.find(({ path, json }) => path.endsWith('deliveries') && json['orderId'] === orderId);
  const digest = String(sent?.json['digest']);
  assert.equal((await fromRo(lab, 'releases', { orderId, r: r.toString('hex') })).status, 204);
  const success = { orderId, outcome: 'success', reason: '', digest };
  assert.equal((await fromRo(lab, 'results', success)).status, 204);
  await becomes(lab, orderId, 'done');
  assert.equal((await fromRo(lab, 'results', success)).status, 204);
  const contrary = await fromRo(lab, 'results', { ...success, outcome: 'failure', reason: 'activation-failed' });
  assert.deepEqual([contrary.status, contrary.cause()], [422, 'repeat-differs']);
  await becomes(lab, orderId, 'done');
});

test('a preloaded subscription is ordered anew only when its former order has been withdrawn from the HSS', async () => {
  const treCertificate = lab.certificate(M2ME).toString('base64');
  const made = await lab
    .as('sho-a.test')
    .send('POST', '/operator/v1/preloads', { json: { m2meId: M2ME, treCertificate } });
  assert.equal(made.status, 201);
  const first = await order(lab, {}, { bothPresent: true });
  assert.equal((await fromPva(lab, await resultFor(lab, first.orderId))).status, 204);
  await becomes(lab, first.orderId, 'delivered');
  lab.down.add('hss.test');
  assert.equal((await fromRo(lab, 'refusals', { orderId: first.orderId, reason: 'token-expired' })).status, 204);
  const early = order(lab, {}, { bothPresent: true });
  await assert.rejects(
    early,
    /conflict/,
    'a withdrawal that comes late would take the subscription of this order away',
  );
  lab.down.delete('hss.test');
  await lab.restart(['sho-a.test']);
  let second: { orderId: string } | undefined;
  await eventually(async () => {
    second = await order(lab, {}, { bothPresent: true }).catch(() => undefined);
    return second !== undefined;
  });
  assert.equal((await fromPva(lab, await resultFor(lab, second?.orderId ?? ''))).status, 204);
  await becomes(lab, second?.orderId ?? '', 'delivered');
});
