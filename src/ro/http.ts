import { z } from 'zod';
import { fromBase64, fromHex, GbaError, type Log } from '../base/index.ts';
import {
  createRouter,
  type Listener,
  type Reply,
  type RequestContext,
  type Route,
  requirePeer,
} from '../http/index.ts';
import type { RoConfig } from './config.ts';
import type { Deliveries } from './deliveries.ts';
import type { Registrations } from './registrations.ts';

const id = z.string().min(1).max(253);
const deliverySchema = z.strictObject({
  orderId: z.string().min(1).max(64),
  m2meId: id,
  boundToken: z.string(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Left out when the machine holds the package already. */
  package: z.string().optional(),
});
const registrationSchema = z.strictObject({
  orderId: z.string().min(1).max(64),
  m2meId: id,
  /** By which subscription the machine is known from now on; without it, its first contact shows. */
  impi: id.optional(),
});
const refusalSchema = z.strictObject({ reason: z.string().regex(/^[a-z0-9-]{1,64}$/), return: z.string().max(8192) });

/** SHOs and PVAs, by mutual TLS. */
export function operatorListener(
  deliveries: Deliveries,
  registrations: Registrations,
  config: RoConfig,
  log: Log,
): Listener {
  const shos = config.shos.map((sho) => sho.id);
  return createRouter(
    [
      {
        method: 'POST',
        path: '/sho/v1/deliveries',
        // The package in base64, the token and some JSON around them.
        bodyLimit: Math.ceil(config.maxPackageBytes * 1.4) + 16_384,
        async handle(c) {
          const sho = requirePeer(c.peer, shos);
          const body = c.json(deliverySchema);
          const boundToken = fromBase64(body.boundToken, 'boundToken');
          const octets = body.package === undefined ? undefined : fromBase64(body.package, 'package');
          const digest = fromHex(body.digest, 32, 'digest');
          const deliveryId = await deliveries.take(sho, { ...body, boundToken, digest, package: octets });
          log.info('delivery-taken', { sho, m2meId: body.m2meId, serial: deliveryId, size: octets?.length ?? 0 });
          return { status: 201, json: { deliveryId } };
        },
      },
      {
        method: 'POST',
        path: '/sho/v1/registrations',
        async handle(c) {
          const sho = requirePeer(c.peer, shos);
          const { orderId, m2meId, impi } = c.json(registrationSchema);
          await deliveries.register(sho, orderId, m2meId, impi);
          log.info('registered', { sho, m2meId });
          return { status: 204 };
        },
      },
      {
        method: 'GET',
        path: '/discovery/v1/machines/:m2meId',
        handle: async (c) => ({ status: 200, json: await registrations.discover(c.peer, c.params['m2meId'] ?? '') }),
      },
    ],
    log,
  );
}

/** What only a machine that proved its Ks_NAF reaches; `req.gba` is set. */
export function uaListener(deliveries: Deliveries, registrations: Registrations, log: Log): Listener {
  const proven = (c: RequestContext) => {
    if (c.req.gba === undefined) throw new GbaError('unauthenticated', 'bootstrapping is required');
    return c.req.gba;
  };
  return createRouter(
    [
      {
        method: 'GET',
        path: '/ua/v1/delivery',
        async handle(c) {
          const offer = await deliveries.offer(c.query.get('m2me') ?? '', proven(c));
          return offer === undefined ? { status: 204 } : { status: 200, json: offer };
        },
      },
      {
        method: 'GET',
        path: '/ua/v1/deliveries/:serial/package',
        handle: async (c) =>
          partOf(await deliveries.packageOf(c.params['serial'] ?? '', proven(c).impi), c.req.headers.range),
      },
      {
        method: 'POST',
        path: '/ua/v1/deliveries/:serial/refusals',
        async handle(c) {
          await deliveries.refused(c.params['serial'] ?? '', proven(c).impi, c.json(refusalSchema).reason);
          return { status: 204 };
        },
      },
      {
        method: 'GET',
        path: '/ua/v1/discovery',
        async handle(c) {
          const record = await registrations.bind(c.query.get('m2me') ?? '', proven(c).impi);
          return { status: 200, json: registrations.view(record) };
        },
      },
      ...messages('/ua/v1', deliveries),
    ],
    log,
  );
}

/** The same messages by their own MAC, for a machine whose Ks_NAF is over. */
export function macListener(deliveries: Deliveries, log: Log): Listener {
  return createRouter(messages('/m2me/v1', deliveries), log);
}

function messages(prefix: string, deliveries: Deliveries): Route[] {
  return [
    {
      method: 'POST',
      path: `${prefix}/acknowledgements`,
      handle: async (c) => ({ status: 200, bytes: await deliveries.acknowledged(c.body) }),
    },
    {
      method: 'POST',
      path: `${prefix}/corrections`,
      async handle(c) {
        const offer = await deliveries.correction(c.body);
        return offer === undefined ? { status: 204 } : { status: 200, json: offer };
      },
    },
    {
      method: 'POST',
      path: `${prefix}/corrections/package`,
      handle: async (c) => partOf(await deliveries.correctedPackage(c.body), c.req.headers.range),
    },
    {
      method: 'POST',
      path: `${prefix}/results`,
      async handle(c) {
        await deliveries.result(c.body);
        return { status: 204 };
      },
    },
  ];
}

/** One range `bytes=a-b` (RFC 9110 14.2), or all; a range that does not begin inside is 416. */
function partOf(octets: Buffer, range: string | undefined): Reply {
  if (range === undefined) return { status: 200, bytes: octets };
  const match = /^bytes=(\d{1,9})-(\d{1,9})?$/.exec(range);
  const from = Number(match?.[1] ?? octets.length);
  const to = Math.min(match?.[2] === undefined ? octets.length - 1 : Number(match[2]), octets.length - 1);
  if (from >= octets.length || to < from)
    return { status: 416, headers: { 'content-range': `bytes */${octets.length}` } };
  const headers = { 'content-range': `bytes ${from}-${to}/${octets.length}` };
  return { status: 206, bytes: octets.subarray(from, to + 1), headers };
}
