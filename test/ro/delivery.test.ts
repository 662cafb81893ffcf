import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { packageDigest } from '../../src/mcim/index.ts';
import { makeRelay, makeResult, readRelease } from '../../src/token/index.ts';
import { type Bootstrapped, eventually, type Lab, M2ME, makeDelivery, OLD_IMPI, startLab } from './support.ts';

let lab: Lab;
let machine: Bootstrapped;
const serial = systemRandom.bytes(16);
const name = serial.toString('hex');
const r = systemRandom.bytes(32);
let delivery: ReturnType<typeof makeDelivery>;

before(async () => {
  lab = await startLab();
  machine = lab.bootstrap(OLD_IMPI);
  delivery = makeDelivery(serial, r);
});
after(() => lab.close());

/** The request is refused with `code`, the RO holds what it held, and the new SHO heard nothing. */
async function refuses(code: string, request: () => Promise<{ status: number; cause(): string }>): Promise<void> {
  const held = await lab.state();
  const heard = lab.received.length;
  const answer = await request();
  assert.ok(answer.status >= 400, `status ${answer.status}`);
  assert.equal(answer.cause(), code);
  assert.equal(await lab.state(), held);
  assert.equal(lab.received.length, heard);
}
const deliver = (sho: string, json: object) => lab.as(sho).send('POST', '/sho/v1/deliveries', { json });
const register = (sho: string, json: object) => lab.as(sho).send('POST', '/sho/v1/registrations', { json });
const discover = (who: string) => lab.as(who).send('GET', `/discovery/v1/machines/${M2ME}`);
const acknowledge = (bytes: Uint8Array) => lab.device.send('POST', '/m2me/v1/acknowledgements', { bytes });
const report = (bytes: Uint8Array) => lab.device.send('POST', '/m2me/v1/results', { bytes });
const order = () => ({ orderId: delivery.orderId, m2meId: M2ME });
const digestOf = () => packageDigest(Buffer.from(delivery.package, 'base64'));
const success = () => ({ serial, packageDigest: digestOf(), outcome: 'success', reason: '' }) as const;

test('a delivery by another SHO than the token names is refused', () =>
  refuses('token-wrong-audience', () => deliver('sho-c.test', delivery)));

test('a delivery by nobody we serve is refused', () => refuses('forbidden', () => deliver('stranger.test', delivery)));

test('a delivery whose token names another RO, another machine, or is over is refused', async () => {
  const over = systemClock.now() - 10_000;
  await refuses('token-wrong-ro', () => deliver('sho-b.test', makeDelivery(serial, r, { roId: 'ro-x.test' })));
  await refuses('token-wrong-machine', () => deliver('sho-b.test', { ...delivery, m2meId: 'm2me-0002' }));
  await refuses('token-expired', () =>
    deliver('sho-b.test', makeDelivery(serial, r, { notAfter: over - (over % 1000) })),
  );
});

test('a package over the limit, and a member too many, are refused', async () => {
  await refuses('package-too-large', () => deliver('sho-b.test', makeDelivery(serial, r, {}, 4097)));
  await refuses('json-invalid', () => deliver('sho-b.test', { ...delivery, oldSho: 'sho-a.test' }));
});

test('step 6: a delivery is taken, and the same one again is the same', async () => {
  for (let i = 0; i < 2; i++) {
    const answer = await deliver('sho-b.test', delivery);
    assert.equal(answer.status, 201);
    assert.deepEqual(JSON.parse(answer.body.toString('utf8')), { deliveryId: name });
  }
});

test('two deliveries for one machine at once are refused', () =>
  refuses('delivery-open', () => deliver('sho-b.test', makeDelivery(systemRandom.bytes(16), r))));

test('another package under the same serial is refused', () =>
  refuses('token-serial-spent', () => deliver('sho-b.test', makeDelivery(serial, r))));

test('another subscriber than the machine gets neither the offer nor the package', async () => {
  const other = lab.bootstrap('somebody@bsf.test');
  await refuses('machine-unknown', () => lab.ua(other, 'GET', `/ua/v1/delivery?m2me=${M2ME}`));
  await refuses('delivery-unknown', () => lab.ua(other, 'GET', `/ua/v1/deliveries/${name}/package`));
  const refusal = { reason: 'token-expired', return: '' };
  await refuses('delivery-unknown', () => lab.ua(other, 'POST', `/ua/v1/deliveries/${name}/refusals`, refusal));
});

test('an acknowledgement before the machine was offered anything is refused', () =>
  refuses('acknowledgement-invalid', () => acknowledge(makeRelay({ serial, r }, lab.roKeys(machine, serial).relay))));

test('step 7: the machine gets the offer and exactly the octets of the package', async () => {
  const offer = await lab.ua(machine, 'GET', `/ua/v1/delivery?m2me=${M2ME}`);
  assert.equal(offer.status, 200);
  assert.equal((JSON.parse(offer.body.toString('utf8')) as { serial: string }).serial, name);
  const octets = await lab.ua(machine, 'GET', `/ua/v1/deliveries/${name}/package`);
  assert.equal(octets.body.toString('base64'), delivery.package);
});

test('an acknowledgement with a wrong r, a forged one, and an unknown serial look alike', async () => {
  const { relay, result } = lab.roKeys(machine, serial);
  const forged = lab.roKeys(lab.bootstrap(OLD_IMPI), serial).relay;
  const unknown = systemRandom.bytes(16);
  const wrong = [
    makeRelay({ serial, r: Buffer.alloc(32) }, relay),
    makeRelay({ serial, r }, forged),
    makeRelay({ serial, r }, result),
    makeRelay({ serial: unknown, r }, lab.roKeys(machine, unknown).relay),
  ];
  for (const bytes of wrong) await refuses('acknowledgement-invalid', () => acknowledge(bytes));
});

test('registration before the result (13) is refused', () =>
  refuses('registration-refused', () => register('sho-b.test', order())));

test('until 11 discovery names the old SHO to itself and the PVA; for a stranger there is no such machine', async () => {
  for (const who of ['sho-a.test', 'pva.test']) {
    assert.deepEqual(JSON.parse((await discover(who)).body.toString('utf8')), {
      state: 'registered',
      sho: 'sho-a.test',
    });
  }
  for (const who of ['stranger.test', 'sho-b.test', 'sho-c.test']) {
    await refuses('machine-unknown', () => discover(who));
  }
});

test('steps 11 and 12: only order id and r go on, the release is the same for every repeat, nobody is named', async () => {
  const keys = lab.roKeys(machine, serial);
  const bytes = makeRelay({ serial, r }, keys.relay);
  const first = await acknowledge(bytes);
  assert.ok(readRelease(first.body).matches(keys.activate));
  assert.ok((await acknowledge(bytes)).body.equals(first.body));
  await eventually(() => lab.received.length > 0);
  const heard = lab.received.filter((one) => one.path === 'releases');
  assert.deepEqual(
    heard.map((one) => one.json),
    [{ orderId: delivery.orderId, r: r.toString('hex') }],
  );
  assert.ok(!JSON.stringify(lab.received).includes('sho-a'));
  assert.deepEqual(JSON.parse((await discover('pva.test')).body.toString('utf8')), { state: 'in-change' });
  await refuses('machine-unknown', () => discover('sho-a.test'));
});

test('a refusal after the point of no return is refused', () =>
  refuses('invalid-transition', () =>
    lab.ua(machine, 'POST', `/ua/v1/deliveries/${name}/refusals`, { reason: 'token-expired', return: '' }),
  ));

test('a forged result is refused, and registration is still not possible', async () => {
  const forged = lab.roKeys(lab.bootstrap(OLD_IMPI), serial).result;
  await refuses('result-invalid', () => report(makeResult(success(), forged)));
  await refuses('result-invalid', () => report(makeResult(success(), lab.roKeys(machine, serial).relay)));
  await refuses('registration-refused', () => register('sho-b.test', order()));
});

test('step 13: the result goes to the new SHO once; a contradicting one is refused', async () => {
  const { result } = lab.roKeys(machine, serial);
  for (let i = 0; i < 2; i++) assert.equal((await report(makeResult(success(), result))).status, 204);
  const results = () => lab.received.filter((one) => one.path === 'results').map((one) => one.json);
  await eventually(() => results().length > 0);
  assert.deepEqual(results(), [
    { orderId: delivery.orderId, outcome: 'success', reason: '', digest: digestOf().toString('hex') },
  ]);
  const failure = { serial, packageDigest: digestOf(), outcome: 'failure', reason: 'card-failed' } as const;
  await refuses('result-invalid', () => report(makeResult(failure, result)));
});

test('registration by another SHO, for another machine or another order is refused', async () => {
  await refuses('registration-refused', () => register('sho-c.test', order()));
  await refuses('registration-refused', () => register('sho-a.test', order()));
  await refuses('registration-refused', () => register('sho-b.test', { ...order(), m2meId: 'm2me-0002' }));
  await refuses('registration-refused', () => register('sho-b.test', { ...order(), orderId: '00'.repeat(16) }));
});

test('step 14: discovery names the new SHO, to it and the PVA only', async () => {
  const named = { ...order(), impi: 'new@b.test' };
  for (let i = 0; i < 2; i++) assert.equal((await register('sho-b.test', named)).status, 204);
  await refuses('repeat-differs', () => register('sho-b.test', { ...named, impi: 'other@b.test' }));
  assert.deepEqual(JSON.parse((await discover('sho-b.test')).body.toString('utf8')), {
    state: 'registered',
    sho: 'sho-b.test',
  });
  for (const who of ['sho-a.test', 'sho-c.test', 'stranger.test'])
    await refuses('machine-unknown', () => discover(who));
});
