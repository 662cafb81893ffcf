import { type Clock, fromHex, GbaError, type Log, type Sealer } from '../base/index.ts';
import { parseBtid } from '../gba/index.ts';
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
import type { Store } from '../store/index.ts';
import { type BearerCheck, bearerChallenge } from './bearer.ts';
import type { BsfConfig } from './config.ts';
import { findNafPolicy, releaseKey } from './procedures/release-key.ts';
import { CONTEXTS, type ContextRecord, contextsOf, dropSubscription, openKs } from './records.ts';

export interface SbiDeps {
  store: Store;
  sealer: Sealer;
  clock: Clock;
  log: Log;
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
  const policy = findNafPolicy(nafs, peer.names, nafId.nafFqdn);
  const entry = isBtid(btId) ? await deps.store.get<ContextRecord>(CONTEXTS, btId) : undefined;
  // The key's own end counts, whatever the store keeps.
  if (entry === undefined || entry.value.keyExpiry <= deps.clock.now()) {
    throw new GbaError('btid-unknown', 'no context for this B-TID');
  }
  const ks = openKs(deps.sealer, btId, entry.value.sealed);
  const query = { btid: btId, nafFqdn: nafId.nafFqdn, uaId: fromHex(nafId.uaSecProtId, 5), gbaUAware, gsIds };
  const response = releaseKey(query, policy, entry.value, ks);
  ks.erase();
  deps.log.info('key-released', { btid: btId, naf: nafId.nafFqdn, uaId: nafId.uaSecProtId, client: policy.client });
  return response;
}

/** Text that is no B-TID never reaches the store. */
function isBtid(text: string): boolean {
  try {
    parseBtid(text);
    return true;
  } catch {
    return false;
  }
}
