import { fromHex, GbaError } from '../base/index.ts';
import {
  authorizationsOf,
  bootstrappingInfoRequestSchema,
  createRouter,
  formatUtc,
  type Listener,
  NBSP_GBA_PATH,
  type RequestContext,
  type Route,
  requirePeer,
  standardCause,
} from '../http/index.ts';
import { type BearerCheck, bearerChallenge } from './bearer.ts';
import { type BootstrappingInfoDeps, bootstrappingInfo } from './bootstrapping-info.ts';
import type { BsfConfig } from './config.ts';
import { contextsOf, dropSubscription } from './records.ts';

export interface SbiDeps extends BootstrappingInfoDeps {
  bearer: BearerCheck | undefined;
}

/** Zn as Nbsp_GBA (TS 29.309) and the operator's own door to the contexts; both want a client certificate. */
export function createSbiListener(config: Pick<BsfConfig, 'nafs' | 'admin'>, deps: SbiDeps): Listener {
  const zn = createRouter(
    [
      {
        method: 'POST',
        path: NBSP_GBA_PATH,
        handle: async (c) => ({ status: 200, json: await keyFor(config, deps, c) }),
      },
    ],
    deps.log,
    { causeOf: standardCause, headersOf: bearerChallenge, takes: 'application/json' },
  );
  const administration = createRouter(adminRoutes(config.admin, deps), deps.log);
  return (req, res) => (req.url?.startsWith('/admin/') === true ? administration : zn)(req, res);
}

function adminRoutes(admin: readonly string[], { store, clock, log }: SbiDeps): Route[] {
  return [
    {
      method: 'GET',
      path: '/admin/v1/contexts',
      async handle(c) {
        requirePeer(c.peer, admin);
        const found = await contextsOf(store, impiParameter(c));
        const contexts = found.map(({ btid, keyExpiry }) => ({ btid, keyExpiry: formatUtc(keyExpiry) }));
        return { status: 200, json: { contexts } };
      },
    },
    {
      method: 'DELETE',
      path: '/admin/v1/contexts',
      async handle(c) {
        requirePeer(c.peer, admin);
        const impi = impiParameter(c);
        const dropped = await dropSubscription(store, clock, impi);
        log.info('contexts-dropped', { impi, dropped });
        return { status: 204 };
      },
    },
  ];
}

function impiParameter(context: RequestContext): string {
  const values = context.query.getAll('impi');
  if (values.length !== 1 || values[0] === undefined || values[0] === '') {
    throw new GbaError('query-invalid', 'exactly one impi is needed');
  }
  return values[0];
}

async function keyFor({ nafs }: Pick<BsfConfig, 'nafs'>, deps: SbiDeps, context: RequestContext) {
  const { peer } = context;
  if (peer === undefined) throw new GbaError('unauthenticated', 'a client certificate is required');
  const configured = nafs.filter(({ client }) => peer.names.includes(client)).flatMap((naf) => naf.instanceId ?? []);
  deps.bearer?.check(authorizationsOf(context.req), [...peer.names, ...peer.instanceIds, ...configured]);
  const { btId, nafId, gbaUAware, gsIds } = context.json(bootstrappingInfoRequestSchema);
  const query = { btid: btId, nafFqdn: nafId.nafFqdn, uaId: fromHex(nafId.uaSecProtId, 5), gbaUAware, gsIds };
  return await bootstrappingInfo(nafs, deps, peer.names, query);
}
