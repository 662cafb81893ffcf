import { z } from 'zod';
import { fromBase64, fromHex, GbaError, type Log, toHex } from '../base/index.ts';
import { idempotencyKeyOf, type RequestContext, type Route } from '../http/index.ts';
import { orderFlow, releaseFlow } from './flows.ts';
import { describeApi, type Operation } from './openapi.ts';
import { WAITED_FOR } from './order-progress.ts';
import type { Orders } from './orders.ts';
import type { IssuedRelease, Releases } from './releases.ts';

const id = z.string().min(1).max(253);
const base64 = z.string().max(65_536).meta({ description: 'canonical base64' });
const hexDigest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: 'SHA-256, hexadecimal' });
const keyHashes = z.array(hexDigest).min(1).max(4);
const serial = z.string().regex(/^[0-9a-f]{32}$/);
const orderId = z.string().regex(/^[0-9a-f]{32}$/);
const time = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
const step = z.int().min(0).max(14);

const releaseSchema = z.strictObject({
  m2meId: id,
  newSho: z.strictObject({ id, keyHashes }),
  roId: id,
  validitySeconds: z.int().min(1).optional().meta({ description: 'never longer than the operator allows' }),
  variant: z.enum(['gba', 'signed']).optional().meta({ description: 'form of the token; default gba' }),
});
const consentSchema = z.strictObject({
  signature: base64.meta({ description: "the machine's CMS signature over the claims, base64" }),
});
const orderSchema = z.strictObject({
  m2meId: id,
  roId: id,
  pvaId: id,
  algorithms: z.array(z.string()).min(1).meta({ description: 'what the machine can; milenage must be among them' }),
  token: base64.meta({ description: 'the token; of the signed variant without the countersignature' }),
  bothPresent: z.boolean().optional().meta({ description: 'the machine holds the new subscription already' }),
});

const issuedSchema = z.strictObject({
  serial,
  claims: base64.meta({ description: 'DER of the claims, base64: what the machine signs in the signed variant' }),
  token: base64.optional().meta({ description: 'a secret; missing while the machine has to sign the claims first' }),
});
const releaseStateSchema = z.strictObject({ serial, m2meId: id, state: z.enum(releaseFlow.states) });
const recallSchema = z.strictObject({ serial, state: z.enum(releaseFlow.states) });
const takenSchema = z.strictObject({ orderId });
const orderStateSchema = z.strictObject({
  orderId,
  m2meId: id,
  state: z.enum(orderFlow.states),
  reason: z.string().optional().meta({ description: 'stable code: why it was refused, or failed' }),
  since: time.optional().meta({ description: 'when this state was entered' }),
  steps: z.array(z.strictObject({ step, at: time })).meta({ description: 'steps of the change that are done' }),
  endsAt: time.optional().meta({ description: 'when it is refused by itself if nothing was delivered by then' }),
  waiting: z
    .strictObject({
      for: z.enum(WAITED_FOR).meta({ description: 'who has to do the next step; operator: this one itself' }),
      step,
      attempts: z.int().min(1).optional().meta({ description: 'how often this operator has asked in vain' }),
      nextAttemptAt: time.optional(),
    })
    .optional()
    .meta({ description: 'what the order waits for now' }),
});
const keysSchema = z.strictObject({ id, keyHashes });

/** What an owner gets of a release: a token, or claims that its machine has to sign first. */
const releaseJson = ({ serial, claims, token }: IssuedRelease): z.infer<typeof issuedSchema> => ({
  serial,
  claims: claims.toString('base64'),
  ...(token === undefined ? {} : { token: token.toString('base64') }),
});

const serialOf = (c: RequestContext): string => c.params['serial'] ?? '';
const BODY_CODES = ['json-invalid', 'base64-invalid', 'body-too-large', 'body-timeout'];
/** Of the machine's device certificate, in the signed variant. */
const DEVICE_CODES = [
  'certificate-invalid',
  'certificate-wrong-subject',
  'certificate-wrong-usage',
  'certificate-untrusted',
  'certificate-expired',
  'certificate-revoked',
  'crl-invalid',
  'crl-not-yet-valid',
  'crl-stale',
];
/** Refusals of a token that the new operator reads, whatever variant. */
const TOKEN_CODES = [
  'token-der-invalid',
  'token-version-unknown',
  'token-signature-missing',
  'token-signature-invalid',
  'token-device-unknown',
  'token-wrong-machine',
  'token-wrong-audience',
  'token-wrong-ro',
  'token-key-unknown',
  'token-install-not-permitted',
  'token-not-yet-valid',
  'token-expired',
  'signature-invalid',
  'cms-invalid',
  'der-invalid',
];

export interface OwnerRoles {
  shoId: string;
  releases: Releases;
  orders: Orders;
}

/** The owner's API of an operator: what is served is what is described. */
function operationsOf({ shoId, releases, orders }: OwnerRoles, log: Log): Operation[] {
  return [
    {
      method: 'GET',
      path: '/public/v1/signing-keys',
      id: 'getSigningKeys',
      summary: 'The keys that sign packages of this operator: what a release to it must name',
      answer: { status: 200, schema: keysSchema },
      codes: [],
      handle: () => ({ status: 200, json: { id: shoId, keyHashes: orders.keyHashes.map(toHex) } }),
    },
    {
      method: 'POST',
      path: '/owner/v1/releases',
      id: 'orderRelease',
      summary: 'Step 0, old operator: release a machine to a new operator. The same order again is the same release',
      body: releaseSchema,
      answer: { status: 201, schema: issuedSchema },
      codes: [
        ...BODY_CODES,
        ...DEVICE_CODES,
        'not-owner',
        'release-open',
        'bootstrap-missing',
        'device-certificate-missing',
        'idempotency-key-invalid',
        'repeat-differs',
      ],
      keyed: true,
      async handle(c) {
        const key = idempotencyKeyOf(c.req);
        const body = c.json(releaseSchema);
        const hashes = body.newSho.keyHashes.map((hash) => fromHex(hash, 32));
        const wish = { ...body, newSho: { id: body.newSho.id, keyHashes: hashes } };
        const issued = await releases.issue(c.peer, wish, key);
        log.info('release-issued', { m2meId: body.m2meId, serial: issued.serial });
        return { status: 201, json: releaseJson(issued) };
      },
    },
    {
      method: 'POST',
      path: '/owner/v1/releases/:serial/consent',
      id: 'consentToRelease',
      summary: "Signed variant: the machine's signature over the claims; answers with the countersigned token",
      body: consentSchema,
      answer: { status: 201, schema: issuedSchema },
      codes: [
        ...BODY_CODES,
        ...DEVICE_CODES,
        'release-unknown',
        'release-not-composed',
        'token-expired',
        'token-device-unknown',
        'token-signature-invalid',
        'signature-invalid',
        'cms-invalid',
        'der-invalid',
        'conflict',
      ],
      async handle(c) {
        const signature = fromBase64(c.json(consentSchema).signature, 'signature');
        const issued = await releases.consent(c.peer, serialOf(c), signature);
        log.info('release-countersigned', { serial: issued.serial });
        return { status: 201, json: releaseJson(issued) };
      },
    },
    {
      method: 'POST',
      path: '/owner/v1/releases/:serial/recall',
      id: 'recallRelease',
      summary: 'Ask for the token back: the operator asks the machine, which answers while it can',
      answer: { status: 202, schema: recallSchema },
      codes: ['release-unknown', 'too-late', 'conflict'],
      handle: async (c) => ({ status: 202, json: await releases.recall(c.peer, serialOf(c)) }),
    },
    {
      method: 'GET',
      path: '/owner/v1/releases/:serial',
      id: 'getRelease',
      summary: 'How far a release is',
      answer: { status: 200, schema: releaseStateSchema },
      codes: ['release-unknown'],
      handle: async (c) => ({ status: 200, json: await releases.stateOf(c.peer, serialOf(c)) }),
    },
    {
      method: 'POST',
      path: '/owner/v1/orders',
      id: 'orderSubscription',
      summary: 'Step 1, new operator: order the subscription with the token. The same token again is the same order',
      body: orderSchema,
      answer: { status: 201, schema: takenSchema },
      codes: [
        ...BODY_CODES,
        ...TOKEN_CODES,
        ...DEVICE_CODES,
        'algorithm-unsupported',
        'ro-unknown',
        'pva-unknown',
        'preload-unknown',
        'token-serial-spent',
        'order-open',
        'repeat-differs',
        'conflict',
        'no-subscription-free',
        'overloaded',
      ],
      async handle(c) {
        const { token, algorithms, ...body } = c.json(orderSchema);
        if (!algorithms.includes('milenage')) throw new GbaError('algorithm-unsupported', 'we hand out MILENAGE only');
        const taken = await orders.take(c.peer, { ...body, token: fromBase64(token, 'token') });
        log.info('order-taken', { m2meId: body.m2meId, ...taken });
        return { status: 201, json: { orderId: taken.orderId } };
      },
    },
    {
      method: 'GET',
      path: '/owner/v1/orders/:orderId',
      id: 'getOrder',
      summary: 'How far an order is: done, refused and failed are its ends',
      answer: { status: 200, schema: orderStateSchema },
      codes: ['order-unknown'],
      handle: async (c) => ({ status: 200, json: await orders.stateOf(c.peer, c.params['orderId'] ?? '') }),
    },
  ];
}

export function ownerRoutes(roles: OwnerRoles, log: Log): Route[] {
  const operations = operationsOf(roles, log);
  /** Made when it is first asked for. */
  let description: object | undefined;
  const describe = (): object => {
    description ??= describeApi(roles.shoId, operations);
    return description;
  };
  return [...operations, { method: 'GET', path: '/openapi.json', handle: () => ({ status: 200, json: describe() }) }];
}
