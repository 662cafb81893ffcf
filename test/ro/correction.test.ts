import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { packageDigest } from '../../src/mcim/index.ts';
import { makeRelay, makeResult } from '../../src/token/index.ts';
import { type Bootstrapped, eventually, type Lab, M2ME, makeDelivery, OLD_IMPI, startLab } from './support.ts';

let lab: Lab;
let machine: Bootstrapped;
const serial = systemRandom.bytes(16);
const r = systemRandom.bytes(32);

before(async () => {
  lab = await startLab();
  machine = lab.bootstrap(OLD_IMPI);
});
after(() => lab.close());

type Delivery = ReturnType<typeof makeDelivery>;
const hour = Math.floor(systemClock.now() / 3_600_000) * 3_600_000;
const validity = { notBefore: hour - 3_600_000, notAfter: hour + 7_200_000 };
const first = makeDelivery(serial, r, validity);
const deliver = (json: object) => lab.as('sho-b.test').send('POST', '/sho/v1/deliveries', { json });
const digestOf = ({ package: octets }: Delivery) => packageDigest(Buffer.from(octets, 'base64'));
const report = (delivery: Delivery, outcome: 'success' | 'failure') => {
  const reason = outcome === 'failure' ? 'activation-failed' : '';
  const { result } = lab.roKeys(machine, serial);
  const bytes = makeResult({ serial, packageDigest: digestOf(delivery), outcome, reason }, result);
  return lab.device.send('POST', '/m2me/v1/results', { bytes });
};
const ask = (delivery: Delivery, path = '/m2me/v1/corrections') => {
  const { result } = lab.roKeys(machine, serial);
  const fields = { serial, packageDigest: digestOf(delivery), outcome: 'failure', reason: 'x' } as const;
  return lab.device.send('POST', path, { bytes: makeResult(fields, result) });
};
const results = () => lab.received.filter(({ path }) => path === 'results').map(({ json }) => json['outcome']);
/** Another package under the same claims. */
const another = (): Delivery => ({ ...makeDelivery(serial, r, validity), orderId: first.orderId });

test('the machine comes as far as step 12', async () => {
  assert.equal((await deliver(first)).status, 201);
  assert.equal((await lab.ua(machine, 'GET', `/ua/v1/delivery?m2me=${M2ME}`)).status, 200);
  const bytes = makeRelay({ serial, r }, lab.roKeys(machine, serial).relay);
  assert.equal((await lab.device.send('POST', '/m2me/v1/acknowledgements', { bytes })).status, 200);
});

test('a second delivery for the machine is "later", not "never": a late copy of it must not be taken for new', async () => {
  const other = makeDelivery(systemRandom.bytes(16), systemRandom.bytes(32));
  const answer = await deliver(other);
  assert.deepEqual([answer.status, answer.cause()], [503, 'delivery-open']);
});

test('no correction without a failure, and none for a stranger', async () => {
  const stranger = makeResult(
    { serial, packageDigest: digestOf(first), outcome: 'failure', reason: 'x' },
    lab.roKeys(lab.bootstrap('x@bsf.test'), serial).result,
  );
  const answer = await lab.device.send('POST', '/m2me/v1/corrections', { bytes: stranger });
  assert.equal(answer.cause(), 'result-invalid');
  assert.equal((await deliver(another())).cause(), 'token-serial-spent');
});

const second = another();
test('13, failure: told once; then another package under the same claims takes its place', async () => {
  assert.equal((await report(first, 'failure')).status, 204);
  await eventually(() => results().length === 1);
  assert.equal((await ask(first)).status, 204);
  assert.equal((await deliver(second)).status, 201);
  const offer = await ask(first);
  assert.equal(offer.status, 200);
  assert.equal(JSON.parse(offer.body.toString()).digest, second.digest);
  const octets = await ask(first, '/m2me/v1/corrections/package');
  assert.equal(packageDigest(octets.body).toString('hex'), second.digest);
});

test('the failure of the older package, said again, says nothing of the corrected one', async () => {
  assert.equal((await report(first, 'failure')).status, 204);
  assert.equal(results().length, 1);
  assert.equal((await ask(first)).status, 200);
});

test('the older package, come late after a second failure, is no correction', async () => {
  assert.equal((await report(second, 'failure')).status, 204);
  assert.equal((await deliver(first)).status, 201);
  assert.equal((await ask(second)).status, 204);
  assert.equal((await deliver(another())).status, 201);
  assert.equal((await ask(second)).status, 200);
});
