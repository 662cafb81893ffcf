import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import { packageDigest } from '../../src/mcim/index.ts';
import {
  boundTagMatches,
  type Claims,
  deriveTokenKeys,
  makeToken,
  makeValidation,
  readBoundToken,
  releaseLock,
  type Validation,
} from '../../src/token/index.ts';
import { spkiSha256 } from '../../src/x509/index.ts';
import { eventually, type Lab, M2ME, NEW_IMPI, startLab } from './support.ts';

let lab: Lab;
let orderId = '';
let nonce = Buffer.alloc(0);
/** What the old SHO and the machine hold; the SHO under test never sees it. */
const r = systemRandom.bytes(32);
const serial = systemRandom.bytes(16);
const keys = deriveTokenKeys(SecretKey.adopt(systemRandom.bytes(32)), serial);
const HOUR = 3_600_000;

before(async () => {
  lab = await startLab();
});
after(() => lab.close());

async function refuses(code: string, request: () => Promise<{ status: number; cause(): string }>): Promise<void> {
  const held = await lab.state();
  const answer = await request();
  assert.ok(answer.status >= 400, `status ${answer.status}`);
  assert.equal(answer.cause(), code);
  assert.equal(await lab.state(), held);
}

function claims(change: Partial<Claims> = {}): Claims {
  const now = Math.floor(systemClock.now() / 1000) * 1000;
  return {
    version: 1,
    serial,
    bootstrap: { blinded: Buffer.alloc(32, 1) },
    m2meId: M2ME,
    newSho: { id: 'sho-a.test', keyHashes: [spkiSha256(lab.signer('sho-a.test').key)] },
    roId: 'ro.test',
    permissions: { install: true, unregister: true },
    notBefore: now - HOUR,
    notAfter: now + HOUR,
    releaseLock: releaseLock(r),
    ...change,
  };
}

const order = (token: Uint8Array, change: object = {}) =>
  lab.as('owner.test').send('POST', '/owner/v1/orders', {
    json: {
      m2meId: M2ME,
      roId: 'ro.test',
      pvaId: 'pva.test',
      algorithms: ['milenage'],
      token: Buffer.from(token).toString('base64'),
      ...change,
    },
  });
const orderWith = (change: Partial<Claims>) => order(makeToken(claims(change), keys));

async function validation(change: Partial<Validation> = {}, signer = 'pva.test') {
  const value: Validation = {
    orderId,
    nonce,
    m2meId: M2ME,
    positive: true,
    reason: '',
    notAfter: Math.floor(systemClock.now() / 1000) * 1000 + HOUR,
    treCertificate: lab.certificate(M2ME),
    ...change,
  };
  return { orderId, result: (await makeValidation(value, lab.signer(signer))).toString('base64') };
}
const fromPva = (json: unknown) => lab.as('pva.test').send('POST', '/pva/v1/results', { json });
const fromRo = (path: string, json: unknown) => lab.as('ro.test').send('POST', path, { json });
const got = (path: string) => lab.received.filter((one) => one.path === path);

test('a token for another SHO is refused', () =>
  refuses('token-wrong-audience', () => orderWith({ newSho: { ...claims().newSho, id: 'sho-b.test' } })));

test('a token that names none of our signing keys is refused', () =>
  refuses('token-key-unknown', () => orderWith({ newSho: { id: 'sho-a.test', keyHashes: [Buffer.alloc(32)] } })));

test('a token for another machine is refused', () =>
  refuses('token-wrong-machine', () => orderWith({ m2meId: 'm2me-0002' })));

test('a token for another registration operator is refused', () =>
  refuses('token-wrong-ro', () => orderWith({ roId: 'ro-x.test' })));

test('a token that permits no installation is refused', () =>
  refuses('token-install-not-permitted', () => orderWith({ permissions: { install: false, unregister: true } })));

test('an expired token is refused', () =>
  refuses('token-expired', () => orderWith({ notAfter: claims().notBefore + 1000 })));

test('a token that is not strict DER is refused', () =>
  refuses('token-der-invalid', () => order(Buffer.concat([makeToken(claims(), keys), Buffer.of(0)]))));

test('an order with a member too many is refused', () =>
  refuses('json-invalid', () => order(makeToken(claims(), keys), { oldSho: 'sho-x.test' })));

test('step 1: an order is taken once; the same token again is the same order', async () => {
  const token = makeToken(claims(), keys);
  const first = await order(token);
  assert.equal(first.status, 201);
  orderId = (JSON.parse(first.body.toString('utf8')) as { orderId: string }).orderId;
  const again = await order(token);
  assert.deepEqual(JSON.parse(again.body.toString('utf8')), { orderId });
  await eventually(() => got('/sho/v1/validations').length > 0);
  const asked = got('/sho/v1/validations')[0]?.json;
  assert.deepEqual({ ...asked, nonce: '' }, { orderId, m2meId: M2ME, nonce: '' });
  nonce = Buffer.from(String(asked?.['nonce']), 'hex');
  assert.equal(nonce.length, 32);
});

test("another owner cannot use this owner's token again, nor see the order", async () => {
  const token = makeToken(claims(), keys).toString('base64');
  const json = { m2meId: M2ME, roId: 'ro.test', pvaId: 'pva.test', algorithms: ['milenage'], token };
  const stranger = lab.as('stranger.test');
  await refuses('token-serial-spent', () => stranger.send('POST', '/owner/v1/orders', { json }));
  await refuses('order-unknown', () => stranger.send('GET', `/owner/v1/orders/${orderId}`));
});

test('a validation result by a stranger, signed by another key, or not for this question is refused', async () => {
  const genuine = await validation();
  await refuses('forbidden', () => lab.as('stranger.test').send('POST', '/pva/v1/results', { json: genuine }));
  const wrong = [
    await validation({}, 'stranger.test'),
    await validation({ nonce: Buffer.alloc(32) }),
    await validation({ m2meId: 'm2me-0002' }),
    await validation({ notAfter: systemClock.now() - (systemClock.now() % 1000) - HOUR }),
  ];
  for (const json of wrong) await refuses('validation-refused', () => fromPva(json));
  assert.equal(await lab.hssHas(NEW_IMPI), false);
  assert.equal(got('/sho/v1/deliveries').length, 0);
});

test('a release before anything was delivered is refused', () =>
  refuses('out-of-order', () => fromRo('/ro/v1/releases', { orderId, r: r.toString('hex') })));

test('steps 5 and 6: HSS first, then package and bound token; tag0 and the keys stay here', async () => {
  assert.equal((await fromPva(await validation())).status, 204);
  await eventually(() => got('/sho/v1/deliveries').length > 0);
  assert.ok(await lab.hssHas(NEW_IMPI));
  const json = got('/sho/v1/deliveries')[0]?.json;
  assert.deepEqual(Object.keys(json ?? {}).sort(), ['boundToken', 'digest', 'm2meId', 'orderId', 'package']);
  const bound = await readBoundToken(Buffer.from(String(json?.['boundToken']), 'base64'));
  const packed = Buffer.from(String(json?.['package']), 'base64');
  assert.ok(boundTagMatches(bound, keys.install, packageDigest(packed), 'sho-a.test'));
});

test('a wrong r is refused', () =>
  refuses('release-invalid', () => fromRo('/ro/v1/releases', { orderId, r: '00'.repeat(32) })));

test("a release that smuggles the old SHO's name in an extra member is refused", () =>
  refuses('json-invalid', () => fromRo('/ro/v1/releases', { orderId, r: r.toString('hex'), oldSho: 'sho-x.test' })));

test('a release by another than the RO is refused', () =>
  refuses('forbidden', () =>
    lab.as('stranger.test').send('POST', '/ro/v1/releases', { json: { orderId, r: r.toString('hex') } }),
  ));

test('a result before the release is refused, and nothing is registered', async () => {
  await refuses('out-of-order', () =>
    fromRo('/ro/v1/results', { orderId, outcome: 'success', reason: '', digest: '0'.repeat(64) }),
  );
  assert.equal(got('/sho/v1/registrations').length, 0);
});

test('steps 11 to 14: r opens the lock, the result asks for the registration, repeats are answered', async () => {
  for (let i = 0; i < 2; i++) {
    assert.equal((await fromRo('/ro/v1/releases', { orderId, r: r.toString('hex') })).status, 204);
  }
  await refuses('invalid-transition', () => fromRo('/ro/v1/refusals', { orderId, reason: 'token-returned' }));
  assert.ok(await lab.hssHas(NEW_IMPI));
  for (let i = 0; i < 2; i++) {
    assert.equal(
      (await fromRo('/ro/v1/results', { orderId, outcome: 'success', reason: '', digest: '0'.repeat(64) })).status,
      204,
    );
  }
  await eventually(() => got('/sho/v1/registrations').length > 0);
  assert.deepEqual(got('/sho/v1/registrations')[0]?.json, { orderId, m2meId: M2ME, impi: NEW_IMPI });
  await eventually(async () => {
    const answer = await lab.as('owner.test').send('GET', `/owner/v1/orders/${orderId}`);
    return (JSON.parse(answer.body.toString('utf8')) as { state: string }).state === 'done';
  });
  // No corrected package can be asked for any more: the token goes.
  assert.ok(!(await lab.state()).includes('sealedToken'));
});
