import assert from 'node:assert/strict';
import { SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import {
  type Claims,
  deriveTokenKeys,
  makeToken,
  makeValidation,
  releaseLock,
  type Validation,
} from '../../src/token/index.ts';
import { spkiSha256 } from '../../src/x509/index.ts';
import { eventually, type Lab, M2ME } from './support.ts';

export const HOUR = 3_600_000;
const wholeSeconds = (): number => Math.floor(systemClock.now() / 1000) * 1000;

export const asJson = ({ body }: { body: Buffer }): Record<string, unknown> =>
  JSON.parse(body.toString('utf8')) as Record<string, unknown>;

export interface Order {
  orderId: string;
  token: Buffer;
  r: Buffer;
}

export const orderJson = (token: Uint8Array, change: object = {}) => ({
  m2meId: M2ME,
  roId: 'ro.test',
  pvaId: 'pva.test',
  algorithms: ['milenage'],
  token: Buffer.from(token).toString('base64'),
  ...change,
});

/** Orders with a fresh token. */
export async function order(lab: Lab, change: Partial<Claims> = {}, wish: object = {}): Promise<Order> {
  const serial = systemRandom.bytes(16);
  const r = systemRandom.bytes(32);
  const now = wholeSeconds();
  const claims: Claims = {
    version: 1,
    serial,
    bootstrap: { blinded: Buffer.alloc(32, 1) },
    m2meId: M2ME,
    newSho: { id: 'sho-a.test', keyHashes: [spkiSha256(lab.signer('sho-a.test').key)] },
    roId: 'ro.test',
    permissions: { install: true, unregister: true },
    notBefore: now,
    notAfter: now + HOUR,
    releaseLock: releaseLock(r),
    ...change,
  };
  const token = makeToken(claims, deriveTokenKeys(SecretKey.adopt(systemRandom.bytes(32)), serial));
  const answer = await lab.as('owner.test').send('POST', '/owner/v1/orders', { json: orderJson(token, wish) });
  assert.equal(answer.status, 201, answer.cause());
  return { orderId: String(asJson(answer)['orderId']), token, r };
}

/** The PVA's result for the question that it got. */
export async function resultFor(lab: Lab, orderId: string, change: Partial<Validation> = {}) {
  const asked = () =>
    lab.received.find(({ path, json }) => path.endsWith('validations') && json['orderId'] === orderId);
  await eventually(() => asked() !== undefined);
  const result = await makeValidation(
    {
      orderId,
      nonce: Buffer.from(String(asked()?.json['nonce']), 'hex'),
      m2meId: M2ME,
      positive: true,
      reason: '',
      notAfter: wholeSeconds() + HOUR,
      treCertificate: lab.certificate(M2ME),
      ...change,
    },
    lab.signer('pva.test'),
  );
  return { orderId, result: result.toString('base64') };
}

export const fromPva = (lab: Lab, json: unknown) => lab.as('pva.test').send('POST', '/pva/v1/results', { json });
export const fromRo = (lab: Lab, kind: string, json: unknown) =>
  lab.as('ro.test').send('POST', `/ro/v1/${kind}`, { json });
export const stateOf = async (lab: Lab, orderId: string) =>
  asJson(await lab.as('owner.test').send('GET', `/owner/v1/orders/${orderId}`));
export const becomes = (lab: Lab, orderId: string, state: string) =>
  eventually(async () => (await stateOf(lab, orderId))['state'] === state);
