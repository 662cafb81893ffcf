import { fromHex, GbaError, SecretKey, toHex } from '../base/index.ts';
import { parseBtid } from '../gba/index.ts';
import {
  type Answer,
  type BootstrappingInfoRequest,
  bootstrappingInfoResponseSchema,
  NBSP_GBA_PATH,
  type Net,
  type PeerConfig,
  systemNet,
  type TlsCredentials,
} from '../http/index.ts';
import { type ZnRoute, type ZnRoutes, znRoutesSchema } from './config.ts';
import { createZnNodes, type ZnNodes } from './zn-diameter.ts';
import type { ZnAnswer, ZnClient } from './zn-types.ts';

/**
 * Zn, routed by the domain of the B-TID, over what the route says: Nbsp_GBA (TS 29.309) or Diameter (TS 29.109). A domain without
 * a route is an unknown B-TID.
 */
export function createZnClient(options: {
  routes: ZnRoutes;
  tls: TlsCredentials;
  net?: Net;
}): ZnClient & { close(): void } {
  const parsed = znRoutesSchema.safeParse(options.routes);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new GbaError('config-invalid', `zn: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const nodes = createZnNodes(options.tls);
  const clients = new Map(
    parsed.data.map((route) => [route.bsf.toLowerCase(), clientOf(route, nodes, options)] as const),
  );
  return {
    async fetch(query) {
      const client = clients.get(domainOf(query.btid));
      if (client === undefined) throw new GbaError('btid-unknown', 'no BSF is configured for this B-TID');
      return await client.fetch(query);
    },
    close() {
      for (const client of clients.values()) client.close?.();
      nodes.close();
    },
  };
}

type Way = { tls: TlsCredentials; net?: Net };

function clientOf(route: ZnRoute, nodes: ZnNodes, way: Way): ZnClient & { close?: () => void } {
  return 'peer' in route ? sbiClient(route.peer, way) : nodes.client(route.diameter);
}

function sbiClient(peer: PeerConfig, { tls, net = systemNet }: Way): ZnClient & { close(): void } {
  const client = net.createClient({ ...peer, tls });
  return {
    async fetch(query) {
      const request: BootstrappingInfoRequest = {
        btId: query.btid,
        nafId: { nafFqdn: query.nafFqdn, uaSecProtId: toHex(query.uaId) },
        ...(query.gbaUAware === true && { gbaUAware: true }),
        ...(query.gsIds !== undefined && query.gsIds.length > 0 && { gsIds: query.gsIds }),
      };
      return read(await client.send('POST', NBSP_GBA_PATH, { json: request }));
    },
    close: () => client.close(),
  };
}

function domainOf(btid: string): string {
  try {
    return parseBtid(btid).bsf;
  } catch (cause) {
    throw new GbaError('btid-unknown', 'not a B-TID', { cause });
  }
}

/** The status decides; causes differ between vendors (sbi.md 3.5). */
function read(answer: Answer): ZnAnswer {
  if (answer.status === 404) throw new GbaError('btid-unknown', 'the BSF does not know this B-TID');
  if (answer.status === 401 || answer.status === 403) {
    throw new GbaError('naf-not-allowed', 'the BSF gives this NAF no key for this NAF_Id');
  }
  if (answer.status >= 500 || answer.status === 429) {
    throw new GbaError('peer-unreachable', `the BSF answered ${answer.status}`, { retryable: true });
  }
  if (answer.status !== 200) throw new GbaError('peer-refused', `the BSF answered ${answer.status}`);
  const info = answer.json(bootstrappingInfoResponseSchema);
  // The attribute is optional in the interface, but a key without an end cannot be cached safely.
  if (info.keyExpiryTime === undefined) throw new GbaError('peer-refused', 'the BSF sent a key without an expiry');
  return {
    ksNaf: SecretKey.adopt(fromHex(info.meKeyMaterial, 32)),
    keyExpiry: Date.parse(info.keyExpiryTime),
    ...(info.uiccKeyMaterial !== undefined && { ksIntNaf: SecretKey.adopt(fromHex(info.uiccKeyMaterial, 32)) }),
    ...(info.bootstrappingInfoCreationTime !== undefined && {
      bootstrapTime: Date.parse(info.bootstrappingInfoCreationTime),
    }),
    ...(info.impi !== undefined && { impi: info.impi }),
    ...(info.ussList !== undefined && { uss: info.ussList.map((item) => item.uss) }),
  };
}
