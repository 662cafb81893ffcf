import { codeOf, type Log } from '../base/index.ts';
import {
  DiameterRefusal,
  maaAvps,
  RESULT,
  readMar,
  type Service,
  VENDOR_3GPP,
  ZH_MULTIMEDIA_AUTH,
  ZH_RESULT,
} from '../diameter/index.ts';
import type { Subscribers } from './subscribers.ts';

/**
 * Zh (TS 29.109 4.2) for the BSFs that may ask vectors, by their Origin-Host. The GUSS is always sent: when it last changed is
 * not kept, so no GUSS-Timestamp can match.
 */
export function createZhService(subscribers: Subscribers, clients: readonly string[], log: Log): Service {
  async function vectorFor(impi: string | undefined, resync: { rand: Buffer; auts: Buffer } | undefined) {
    // Identities of push (a Public-Identity alone) are not kept here.
    if (impi === undefined) throw unknown();
    try {
      return { vector: await subscribers.vector(impi, resync), guss: await subscribers.guss(impi) };
    } catch (error) {
      const code = codeOf(error);
      if (code === 'user-unknown') throw unknown();
      if (code === 'auts-refused') throw new DiameterRefusal(RESULT.UNABLE_TO_COMPLY, 'MAC-S is wrong');
      throw error;
    }
  }

  return {
    command: ZH_MULTIMEDIA_AUTH,
    async serve(request, { originHost }) {
      if (!clients.includes(originHost)) {
        throw new DiameterRefusal(RESULT.AUTHORIZATION_REJECTED, 'this node may not ask for vectors');
      }
      const { impi, resync } = readMar(request);
      const { vector, guss } = await vectorFor(impi, resync);
      const avps = maaAvps(impi ?? '', vector, Object.keys(guss).length > 0 ? guss : undefined);
      for (const secret of [vector.xres, vector.ck, vector.ik]) secret.fill(0);
      log.info('vector', { impi, resync: resync !== undefined, client: originHost });
      return avps;
    },
  };
}

const unknown = (): DiameterRefusal =>
  new DiameterRefusal(ZH_RESULT.IDENTITY_UNKNOWN, 'no such subscriber', { vendorId: VENDOR_3GPP });
