import { fromHex, GbaError, type Log, toHex } from '../base/index.ts';
import { impisOfImsi } from '../gba/index.ts';
import {
  authenticationInfoRequestSchema,
  createRouter,
  type Listener,
  type RequestContext,
  type Route,
  requirePeer,
  standardCause,
} from '../http/index.ts';
import type { HssConfig } from './config.ts';
import { gussRoutes } from './guss-routes.ts';
import { subscriberSchema } from './subscriber.ts';
import type { Subscribers } from './subscribers.ts';

/** Nhss_gbaUEAU and Nhss_gbaSDM (TS 29.562 A.5, A.6) and the admin API, for named client certificates only. */
export function hssListener(subscribers: Subscribers, config: Pick<HssConfig, 'clients'>, log: Log): Listener {
  const sbi = createRouter(sbiRoutes(subscribers, config.clients.av, log), log, {
    causeOf: standardCause,
    takes: 'application/json',
  });
  const routes = [
    ...adminRoutes(subscribers, config.clients.admin, log),
    ...gussRoutes(subscribers, config.clients.admin, log),
  ];
  const administration = createRouter(routes, log);
  return (req, res) => (req.url?.startsWith('/admin/') === true ? administration : sbi)(req, res);
}

function sbiRoutes(subscribers: Subscribers, av: readonly string[], log: Log): Route[] {
  return [
    {
      method: 'POST',
      path: '/nhss-gba-ueau/v1/:ueId/security-information/generate-auth-data',
      async handle(c) {
        requirePeer(c.peer, av);
        const request = c.json(authenticationInfoRequestSchema);
        if ((request.authenticationScheme ?? 'DIGEST_AKAV1_MD5') !== 'DIGEST_AKAV1_MD5') {
          throw new GbaError('scheme-unsupported', 'only DIGEST_AKAV1_MD5 is served');
        }
        const impi = await impiOf(c, subscribers);
        const info = request.resynchronizationInfo;
        const vector = await subscribers.vector(
          impi,
          info && { rand: fromHex(info.rand, 16, 'rand'), auts: fromHex(info.auts, 14, 'auts') },
        );
        const { rand, xres, autn, ck, ik } = vector;
        const answer = { rand: toHex(rand), xres: toHex(xres), autn: toHex(autn), ck: toHex(ck), ik: toHex(ik) };
        for (const secret of [xres, ck, ik]) secret.fill(0);
        log.info('vector', { impi, resync: info !== undefined });
        return { status: 200, json: { impi, '3gAkaAv': answer } };
      },
    },
    // The resource table of 6.4.3.1 and the OpenAPI annex name it differently; both are served.
    ...['subscriber-data', 'gba-subscriber-data'].map(
      (name): Route => ({
        method: 'GET',
        path: `/nhss-gba-sdm/v1/:ueId/${name}`,
        async handle(c) {
          requirePeer(c.peer, av);
          return { status: 200, json: { guss: (await subscribers.guss(await impiOf(c, subscribers))).guss } };
        },
      }),
    ),
  ];
}

function adminRoutes(subscribers: Subscribers, admin: readonly string[], log: Log): Route[] {
  return [
    {
      method: 'GET',
      path: '/admin/v1/subscribers',
      async handle(c) {
        requirePeer(c.peer, admin);
        return { status: 200, json: { subscribers: await subscribers.list() } };
      },
    },
    {
      method: 'GET',
      path: '/admin/v1/subscribers/:impi',
      async handle(c) {
        requirePeer(c.peer, admin);
        return { status: 200, json: await subscribers.view(c.params['impi'] ?? '') };
      },
    },
    {
      method: 'GET',
      path: '/admin/v1/restored',
      async handle(c) {
        requirePeer(c.peer, admin);
        const mark = await subscribers.restored();
        const json = mark === undefined ? {} : { madeAt: mark.madeAt, restoredAt: mark.restoredAt };
        return { status: 200, json };
      },
    },
    {
      method: 'POST',
      path: '/admin/v1/subscribers/:impi/confirmation',
      async handle(c) {
        requirePeer(c.peer, admin);
        const impi = c.params['impi'] ?? '';
        await subscribers.confirm(impi);
        log.info('subscriber-confirmed', { impi });
        return { status: 204 };
      },
    },
    {
      method: 'PUT',
      path: '/admin/v1/subscribers/:impi',
      async handle(c) {
        requirePeer(c.peer, admin);
        const provisioning = c.json(subscriberSchema);
        if (provisioning.impi !== c.params['impi']) throw new GbaError('json-invalid', 'impi differs from the path');
        const done = await subscribers.provision(provisioning);
        log.info('subscriber-provisioned', { impi: provisioning.impi, done });
        return { status: done === 'created' ? 201 : 204 };
      },
    },
    {
      method: 'DELETE',
      path: '/admin/v1/subscribers/:impi',
      async handle(c) {
        requirePeer(c.peer, admin);
        const impi = c.params['impi'] ?? '';
        await subscribers.remove(impi);
        log.info('subscriber-removed', { impi });
        return { status: 204 };
      },
    },
  ];
}

/**
 * The IMPI of an `impi-…` ueId, or of an `imsi-…` one when a subscriber has the IMPI made from it (TS 23.003 13.3). MSISDN
 * and IMPU are not kept here, so nobody has them.
 */
async function impiOf(c: RequestContext, subscribers: Subscribers): Promise<string> {
  const [, kind, identity = ''] = /^(impi|imsi)-(.*)$/s.exec(c.params['ueId'] ?? '') ?? [];
  if (kind === 'impi') return identity;
  for (const impi of kind === 'imsi' ? impisOfImsi(identity) : []) if (await subscribers.has(impi)) return impi;
  throw new GbaError('user-unknown', 'no such subscriber');
}
