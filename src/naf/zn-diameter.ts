import { SecretKey, silentLog, systemClock, systemRandom } from '../base/index.ts';
import {
  birAvps,
  type DiameterNode,
  type DiameterTls,
  readBia,
  requestHead,
  startDiameterNode,
  ZN_APPLICATION,
  ZN_BOOTSTRAPPING_INFO,
} from '../diameter/index.ts';
import type { ZnDiameter } from './config.ts';
import type { ZnAnswer, ZnClient } from './zn-types.ts';

/** The Diameter nodes of a NAF: routes that name the same own host share one, with all its peers. */
export interface ZnNodes {
  client(route: ZnDiameter): ZnClient;
  close(): void;
}

export function createZnNodes(tls: DiameterTls): ZnNodes {
  const nodes = new Map<string, Promise<DiameterNode>>();

  function nodeOf({ node }: ZnDiameter): Promise<DiameterNode> {
    const known = nodes.get(node.host);
    if (known !== undefined) return known;
    const deps = { clock: systemClock, random: systemRandom, log: silentLog, tls };
    const started = startDiameterNode(node, [ZN_APPLICATION], [], deps);
    // Whoever asks hears of it.
    started.catch(() => undefined);
    nodes.set(node.host, started);
    return started;
  }

  return {
    client(route) {
      const { realm, host, via } = route;
      const way = { realm, ...(host !== undefined && { host }), ...(via !== undefined && { via }) };
      const started = nodeOf(route);
      return {
        async fetch({ btid, nafFqdn, uaId, gsIds = [], gbaUAware = false }): Promise<ZnAnswer> {
          const node = await started;
          const avps = [
            ...requestHead(node, ZN_APPLICATION, way),
            ...birAvps({ btid, nafFqdn, uaId, gsIds, gbaUAware }),
          ];
          const answer = await node.request(ZN_BOOTSTRAPPING_INFO, avps, way);
          const { meKey, uiccKey, keyExpiry, createdAt, impi, uss } = readBia(answer);
          for (const { data } of answer.avps) data.fill(0);
          return {
            ksNaf: SecretKey.adopt(meKey),
            keyExpiry,
            ...(uiccKey !== undefined && { ksIntNaf: SecretKey.adopt(uiccKey) }),
            ...(createdAt !== undefined && { bootstrapTime: createdAt }),
            ...(impi !== undefined && { impi }),
            ...(uss !== undefined && { uss: uss.map((item) => item.uss) }),
          };
        },
      };
    },
    close() {
      for (const started of nodes.values()) {
        started.then((node) => node.close()).catch(() => undefined);
      }
    },
  };
}
