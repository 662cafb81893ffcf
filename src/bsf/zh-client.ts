import { GbaError } from '../base/index.ts';
import {
  type DiameterNode,
  type DiameterRoute,
  marAvps,
  readMaa,
  requestHead,
  ZH_APPLICATION,
  ZH_MULTIMEDIA_AUTH,
} from '../diameter/index.ts';
import type { AvSource } from './av-source.ts';
import type { GussCopies } from './guss-copies.ts';

/** Vectors and GUSS over Zh (TS 29.109 4.2); of a GUSS that it holds a copy of, the BSF says how old the copy is. */
export function createZhClient(node: DiameterNode, route: DiameterRoute, copies: GussCopies): AvSource {
  return {
    async fetch({ impi, resync }) {
      const held = await copies.held(impi);
      const query = marAvps({ impi, resync, gussTimestamp: held?.timestamp });
      const answer = await node.request(
        ZH_MULTIMEDIA_AUTH,
        [...requestHead(node, ZH_APPLICATION, route), ...query],
        route,
      );
      const { settings, impi: named = impi, ...vector } = readMaa(answer, resync !== undefined);
      // The octets of the message hold the keys too.
      for (const { data } of answer.avps) data.fill(0);
      if (settings?.impi !== undefined && !isSameNai(settings.impi, named)) {
        throw new GbaError('peer-refused', 'the HSS sent the GUSS of another subscriber');
      }
      if (settings !== undefined) await copies.keep(impi, settings);
      const { bsfInfo, ussList } = settings?.guss ?? held?.guss ?? {};
      return {
        impi: named,
        ...vector,
        uiccType: bsfInfo?.uiccType === 'GBA_U' ? 'GBA_U' : 'GBA',
        ...(bsfInfo?.lifeTime !== undefined && { keyLifetimeSeconds: bsfInfo.lifeTime }),
        ...(ussList !== undefined && { uss: ussList.map((item) => item.uss) }),
      };
    },
  };
}

/** Letter case counts before the `@` only (RFC 7542 2.4). */
function isSameNai(one: string, other: string): boolean {
  const folded = (nai: string) => nai.replace(/@.*$/s, (realm) => realm.toLowerCase());
  return folded(one) === folded(other);
}
