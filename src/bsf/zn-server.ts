import { codeOf, fromHex } from '../base/index.ts';
import {
  biaAvps,
  DiameterRefusal,
  readBir,
  type Service,
  VENDOR_3GPP,
  ZN_BOOTSTRAPPING_INFO,
  ZN_RESULT,
} from '../diameter/index.ts';
import { type BootstrappingInfoDeps, bootstrappingInfo } from './bootstrapping-info.ts';
import type { NafPolicy } from './config.ts';

/** Zn (TS 29.109 5.2). A NAF is known by the Origin-Host of its request: a peer of ours, or one that an agent vouches for. */
export function createZnService(nafs: readonly NafPolicy[], deps: BootstrappingInfoDeps): Service {
  return {
    command: ZN_BOOTSTRAPPING_INFO,
    async serve(request, { originHost }) {
      try {
        const info = await bootstrappingInfo(nafs, deps, [originHost], readBir(request));
        const { uiccKeyMaterial: uicc, bootstrappingInfoCreationTime: created, keyExpiryTime: expiry } = info;
        return biaAvps({
          meKey: fromHex(info.meKeyMaterial, 32),
          uiccKey: uicc === undefined ? undefined : fromHex(uicc, 32),
          keyExpiry: Date.parse(expiry ?? ''),
          createdAt: created === undefined ? undefined : Date.parse(created),
          impi: info.impi,
          uss: info.ussList,
        });
      } catch (error) {
        const code = RESULTS[codeOf(error)];
        if (code === undefined) throw error;
        throw new DiameterRefusal(code, 'no key for this request', { vendorId: VENDOR_3GPP, cause: error });
      }
    },
  };
}

const RESULTS: Readonly<Record<string, number>> = {
  'naf-not-allowed': ZN_RESULT.NOT_AUTHORIZED,
  'btid-unknown': ZN_RESULT.TRANSACTION_IDENTIFIER_INVALID,
};
