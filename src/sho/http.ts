import { z } from 'zod';
import { fromBase64, fromHex, GbaError, type Log, toHex } from '../base/index.ts';
import { createRouter, type Listener, type RequestContext, type Route, requirePeer } from '../http/index.ts';
import type { ShoConfig } from './config.ts';
import type { Orders } from './orders.ts';
import type { Releases } from './releases.ts';

const id = z.string().min(1).max(253);
const base64 = z.string().max(65_536);
const hexDigest = z.string().regex(/^[0-9a-f]{64}$/);

const releaseSchema = z.strictObject({
  m2meId: id,
  newSho: z.strictObject({ id, keyHashes: z.array(hexDigest).min(1).max(4) }),
  roId: id,
  validitySeconds: z.int().min(1).optional(),
});
const orderSchema = z.strictObject({
  m2meId: id,
  roId: id,
  pvaId: id,
  algorithms: z.array(z.string()).min(1),
  token: base64,
});
const validationSchema = z.strictObject({ orderId: id, result: base64 });
const releasedSchema = z.strictObject({ orderId: id, r: hexDigest });
const resultSchema = z.strictObject({
  orderId: id,
  outcome: z.enum(['success', 'failure']),
  reason: z.string().max(64),
});
const refusalSchema = z.strictObject({ orderId: id, reason: z.string().min(1).max(64) });
const bootstrapSchema = z.strictObject({ m2meId: id });

/** Owners, ROs and PVAs, by mutual TLS. */
export function operatorListener(releases: Releases, orders: Orders, config: ShoConfig, log: Log): Listener {
  const owner: Route[] = [
    {
      method: 'GET',
      path: '/public/v1/signing-keys',
      handle: () => ({ status: 200, json: { id: config.id, keyHashes: orders.keyHashes.map(toHex) } }),
    },
    {
      method: 'POST',
      path: '/owner/v1/releases',
      async handle(c) {
        const body = c.json(releaseSchema);
        const keyHashes = body.newSho.keyHashes.map((hash) => fromHex(hash, 32));
        const { serial, token } = await releases.issue(c.peer, { ...body, newSho: { id: body.newSho.id, keyHashes } });
        log.info('release-issued', { m2meId: body.m2meId, serial });
        return { status: 201, json: { serial, token: token.toString('base64') } };
      },
    },
    {
      method: 'GET',
      path: '/owner/v1/releases/:serial',
      handle: async (c) => ({ status: 200, json: await releases.stateOf(c.peer, c.params['serial'] ?? '') }),
    },
    {
      method: 'POST',
      path: '/owner/v1/orders',
      async handle(c) {
        const { token, algorithms, ...body } = c.json(orderSchema);
        if (!algorithms.includes('milenage')) throw new GbaError('algorithm-unsupported', 'we hand out MILENAGE only');
        const { orderId, fresh } = await orders.take(c.peer, { ...body, token: fromBase64(token, 'token') });
        log.info('order-taken', { m2meId: body.m2meId, orderId, fresh });
        return { status: 201, json: { orderId } };
      },
    },
    {
      method: 'GET',
      path: '/owner/v1/orders/:orderId',
      handle: async (c) => ({ status: 200, json: await orders.stateOf(c.peer, c.params['orderId'] ?? '') }),
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
        await orders.result(body.orderId, body.outcome, body.reason);
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
  return createRouter([...owner, ...peers], log);
}

/** What only a machine that proved its Ks_NAF reaches; `req.gba` is set. */
export function uaListener(releases: Releases, log: Log): Listener {
  return createRouter(
    [
      {
        method: 'POST',
        path: '/ua/v1/bootstraps',
        async handle(c) {
          const { m2meId } = c.json(bootstrapSchema);
          if (c.req.gba === undefined) throw new GbaError('unauthenticated', 'bootstrapping is required');
          await releases.learnBootstrap(m2meId, c.req.gba);
          return { status: 204 };
        },
      },
      ...messages('/ua/v1', releases),
    ],
    log,
  );
}

/** The same messages by their own MAC, for a machine whose Ks_NAF is over. */
export function macListener(releases: Releases, log: Log): Listener {
  return createRouter(messages('/m2me/v1', releases), log);
}

function messages(prefix: string, releases: Releases): Route[] {
  return [
    {
      method: 'POST',
      path: `${prefix}/unregistrations`,
      handle: async (c) => ({ status: 200, bytes: await releases.unregister(c.body) }),
    },
    {
      method: 'POST',
      path: `${prefix}/returns`,
      async handle(c) {
        await releases.takeBack(c.body);
        return { status: 204 };
      },
    },
  ];
}
