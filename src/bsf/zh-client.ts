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

/** Vectors and GUSS over Zh (TS 29.109 4.2). */
export function createZhClient(node: DiameterNode, route: DiameterRoute): AvSource {
  return {
    async fetch({ impi, resync }) {
      const avps = [...requestHead(node, ZH_APPLICATION, route), ...marAvps({ impi, resync })];
      const answer = await node.request(ZH_MULTIMEDIA_AUTH, avps, route);
      const { guss, impi: named, ...vector } = readMaa(answer, resync !== undefined);
      // The octets of the message hold the keys too.
      for (const { data } of answer.avps) data.fill(0);
      return {
        impi: named ?? impi,
        ...vector,
        uiccType: guss?.bsfInfo?.uiccType === 'GBA_U' ? 'GBA_U' : 'GBA',
        ...(guss?.bsfInfo?.lifeTime !== undefined && { keyLifetimeSeconds: guss.bsfInfo.lifeTime }),
        ...(guss?.ussList !== undefined && { uss: guss.ussList.map((item) => item.uss) }),
      };
    },
  };
}
