import { z } from 'zod';
import { fromBase64, fromHex, GbaError, type Log } from '../base/index.ts';
import { createRouter, type Listener, type RequestContext, type Route, requirePeer } from '../http/index.ts';
import type { Bootstraps } from './bootstraps.ts';
import type { ShoConfig } from './config.ts';
import type { LettingGo } from './letting-go.ts';
import type { Orders } from './orders.ts';
import { ownerRoutes } from './owner-api.ts';
import type { Preloads } from './preloads.ts';
import type { Releases } from './releases.ts';

const id = z.string().min(1).max(253);
const base64 = z.string().max(65_536);
const hexDigest = z.string().regex(/^[0-9a-f]{64}$/);

const preloadSchema = z.strictObject({ m2meId: id, treCertificate: base64 });
const validationSchema = z.strictObject({ orderId: id, result: base64 });
const releasedSchema = z.strictObject({ orderId: id, r: hexDigest });
const resultSchema = z.strictObject({
  orderId: id,
  outcome: z.enum(['success', 'failure']),
  reason: z.string().max(64),
  /** SHA-256 of the package that it is about. */
  digest: hexDigest,
});
const refusalSchema = z.strictObject({ orderId: id, reason: z.string().min(1).max(64) });
const bootstrapSchema = z.strictObject({ m2meId: id, deviceCertificate: base64.optional() });
const recalledSchema = z.strictObject({ m2meId: id });

export interface Roles {
  releases: Releases;
  lettingGo: LettingGo;
  orders: Orders;
  preloads: Preloads;
}

/** Owners, ROs, PVAs and our own staff, by mutual TLS. */
export function operatorListener(roles: Roles, config: ShoConfig, log: Log): Listener {
  return createRouter(operatorRoutes(roles, config, log), log);
}

export function operatorRoutes(roles: Roles, config: ShoConfig, log: Log): Route[] {
  const { releases, orders, preloads } = roles;
  const owner = ownerRoutes({ shoId: config.id, releases, orders }, log);
  const own: Route[] = [
    {
      method: 'POST',
      path: '/operator/v1/releases/:serial/recall',
      async handle(c) {
        requirePeer(c.peer, [config.id]);
        return { status: 202, json: await releases.recall(c.peer, c.params['serial'] ?? '') };
      },
    },
    {
      method: 'POST',
      path: '/operator/v1/preloads',
      async handle(c) {
        requirePeer(c.peer, [config.id]);
        const { m2meId, treCertificate } = c.json(preloadSchema);
        return { status: 201, json: await preloads.make(m2meId, fromBase64(treCertificate, 'treCertificate')) };
      },
    },
  ];
  const fromRo = (c: RequestContext): string => requirePeer(c.peer, [config.ro.id]);
  const peers: Route[] = [
    {
      method: 'POST',
      path: '/pva/v1/results',
      async handle(c) {
        requirePeer(c.peer, [config.pva.id]);
        const body = c.json(validationSchema);
        await orders.validated(body.orderId, fromBase64(body.result, 'result'));
        return { status: 204 };
      },
    },
    {
      method: 'POST',
      path: '/ro/v1/releases',
      async handle(c) {
        fromRo(c);
        const body = c.json(releasedSchema);
        await orders.released(body.orderId, fromHex(body.r, 32, 'r'));
        return { status: 204 };
      },
    },
    {
      method: 'POST',
      path: '/ro/v1/results',
      async handle(c) {
        fromRo(c);
        const body = c.json(resultSchema);
        await orders.result(body.orderId, body);
        return { status: 204 };
      },
    },
    {
      method: 'POST',
      path: '/ro/v1/refusals',
      async handle(c) {
        fromRo(c);
        const body = c.json(refusalSchema);
        await orders.refusedByMachine(body.orderId, body.reason);
        return { status: 204 };
      },
    },
  ];
  return [...owner, ...own, ...peers];
}

export interface DeviceRoles {
  bootstraps: Bootstraps;
  lettingGo: LettingGo;
}

/** What only a machine that proved its Ks_NAF reaches; `req.gba` is set. */
export function uaListener({ bootstraps, lettingGo }: DeviceRoles, log: Log): Listener {
  const proven = (c: RequestContext) => {
    if (c.req.gba === undefined) throw new GbaError('unauthenticated', 'bootstrapping is required');
    return c.req.gba;
  };
  return createRouter(
    [
      {
        method: 'POST',
        path: '/ua/v1/bootstraps',
        async handle(c) {
          const { m2meId, deviceCertificate } = c.json(bootstrapSchema);
          const device =
            deviceCertificate === undefined ? undefined : fromBase64(deviceCertificate, 'deviceCertificate');
          await bootstraps.learn(m2meId, proven(c), device);
          return { status: 204 };
        },
      },
      {
        method: 'GET',
        path: '/ua/v1/recalls',
        async handle(c) {
          const asked = await lettingGo.recallFor(c.query.get('m2me') ?? '', proven(c).impi);
          return asked === undefined ? { status: 204 } : { status: 200, json: asked };
        },
      },
      {
        method: 'POST',
        path: '/ua/v1/recalls/:serial',
        async handle(c) {
          await lettingGo.recalled(c.params['serial'] ?? '', c.json(recalledSchema).m2meId, proven(c).impi);
          return { status: 204 };
        },
      },
      ...messages('/ua/v1', lettingGo),
    ],
    log,
  );
}

/** The same messages by their own MAC or signature, for a machine whose Ks_NAF is over. */
export function macListener(lettingGo: LettingGo, log: Log): Listener {
  return createRouter(messages('/m2me/v1', lettingGo), log);
}

function messages(prefix: string, lettingGo: LettingGo): Route[] {
  return [
    {
      method: 'POST',
      path: `${prefix}/unregistrations`,
      handle: async (c) => ({ status: 200, bytes: await lettingGo.unregister(c.body) }),
    },
    {
      method: 'POST',
      path: `${prefix}/returns`,
      async handle(c) {
        await lettingGo.takeBack(c.body);
        return { status: 204 };
      },
    },
  ];
}
