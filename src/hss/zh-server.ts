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
import type { DatedGuss } from './guss-book.ts';
import type { Subscribers } from './subscribers.ts';

/**
 * Zh (TS 29.109 4.2) for the BSFs that may ask vectors, by their Origin-Host. A BSF that says when its copy of the GUSS was made
 * gets the GUSS only if it has changed since.
 */
export function createZhService(subscribers: Subscribers, clients: readonly string[], log: Log): Service {
  async function vectorFor(impi: string | undefined, resync: { rand: Buffer; auts: Buffer } | undefined) {
    // Identities of push (a Public-Identity alone) are not kept here.
    if (impi === undefined) throw unknown();
    try {
      return { vector: await subscribers.vector(impi, resync), settings: await subscribers.guss(impi) };
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
      const { impi, resync, gussTimestamp } = readMar(request);
      const { vector, settings } = await vectorFor(impi, resync);
      const avps = maaAvps(impi ?? '', vector, isDue(settings, gussTimestamp) ? settings : undefined);
      for (const secret of [vector.xres, vector.ck, vector.ik]) secret.fill(0);
      log.info('vector', { impi, resync: resync !== undefined, client: originHost });
      return avps;
    },
  };
}

/** Whether the GUSS goes along: a BSF with a copy that is no longer right must hear so, even when there is nothing left. */
function isDue({ guss, changedAt }: DatedGuss, held: number | undefined): boolean {
  return held === undefined ? Object.keys(guss).length > 0 : held !== changedAt;
}

const unknown = (): DiameterRefusal =>
  new DiameterRefusal(ZH_RESULT.IDENTITY_UNKNOWN, 'no such subscriber', { vendorId: VENDOR_3GPP });
