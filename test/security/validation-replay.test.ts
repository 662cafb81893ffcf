import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import { deriveTokenKeys, makeToken, makeValidation, type Validation } from '../../src/token/index.ts';
import { spkiSha256 } from '../../src/x509/index.ts';
import { eventually, type Lab, M2ME, NEW_IMPI, startLab } from '../sho/support.ts';
import { exampleClaims } from '../support/claims.ts';

const HOUR = 3_600_000;
const now = Math.floor(systemClock.now() / 1000) * 1000;
let lab: Lab;
before(async () => {
  lab = await startLab([NEW_IMPI, NEW_IMPI.replace('001020', '001021')]);
});
after(() => lab.close());

/** An order at the new SHO, and the nonce that it asked the PVA with. */
async function ordered(): Promise<{ orderId: string; nonce: Buffer }> {
  const serial = systemRandom.bytes(16);
  const claims = exampleClaims({
    serial,
    newSho: { id: 'sho-a.test', keyHashes: [spkiSha256(lab.signer('sho-a.test').key)] },
    notBefore: now,
    notAfter: now + HOUR,
  });
  const token = makeToken(claims, deriveTokenKeys(SecretKey.adopt(systemRandom.bytes(32)), serial));
  const rest = { roId: 'ro.test', pvaId: 'pva.test', algorithms: ['milenage'] };
  const json = { m2meId: M2ME, ...rest, token: token.toString('base64') };
  const answer = await lab.as('owner.test').send('POST', '/owner/v1/orders', { json });
  const { orderId } = JSON.parse(answer.body.toString()) as { orderId: string };
  const asked = () => lab.received.find(({ json: one }) => one['orderId'] === orderId && 'nonce' in one);
  await eventually(() => asked() !== undefined);
  return { orderId, nonce: Buffer.from(String(asked()?.json['nonce']), 'hex') };
}

async function result(of: { orderId: string; nonce: Buffer }, change: Partial<Validation> = {}): Promise<string> {
  const fields = { ...of, m2meId: M2ME, positive: true, reason: '', notAfter: now + HOUR };
  const value: Validation = { ...fields, treCertificate: lab.certificate(M2ME), ...change };
  return (await makeValidation(value, lab.signer('pva.test'))).toString('base64');
}
const show = (orderId: string, octets: string) =>
  lab.as('pva.test').send('POST', '/pva/v1/results', { json: { orderId, result: octets } });

test('a validation result serves its own order and nonce, in its short life, and once', async () => {
  const first = await ordered();
  const refused = async (orderId: string, octets: string): Promise<void> => {
    const held = await lab.state();
    assert.equal((await show(orderId, octets)).cause(), 'validation-refused');
    assert.equal(await lab.state(), held);
  };
  await refused(first.orderId, await result(first, { notAfter: now - 1000 }));
  await refused(first.orderId, await result(first, { nonce: systemRandom.bytes(32) }));
  await refused(first.orderId, await result({ ...first, orderId: '00'.repeat(16) }));
  await refused(first.orderId, await result(first, { m2meId: 'm2me-0002' }));
  const good = await result(first);

  // No: the order is over, the same again is taken, and a yes that comes afterwards is another answer and changes nothing.
  const no = await result(first, { positive: false, reason: 'x' });
  assert.equal((await show(first.orderId, no)).status, 204);
  const ended = await lab.state();
  assert.equal((await show(first.orderId, no)).status, 204);
  assert.equal((await show(first.orderId, good)).cause(), 'repeat-differs');
  assert.equal(await lab.state(), ended);

  // The next order of the machine has its own nonce: the old yes is none for it.
  const second = await ordered();
  assert.notDeepEqual(second.nonce, first.nonce);
  await refused(second.orderId, good);
  const again = await result(second);
  assert.equal((await show(second.orderId, again)).status, 204);
  await eventually(() =>
    lab.received.some(({ path, json }) => path.endsWith('deliveries') && json['orderId'] === second.orderId),
  );
  const delivered = lab.received.length;
  assert.equal((await show(second.orderId, again)).status, 204);
  assert.equal(lab.received.length, delivered);
});
