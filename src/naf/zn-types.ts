import type { SecretKey } from '../base/index.ts';
import type { Uss } from '../http/index.ts';

export interface ZnQuery {
  btid: string;
  nafFqdn: string;
  /** Ua security protocol identifier, 5 octets. */
  uaId: Uint8Array;
  gsIds?: number[];
  gbaUAware?: boolean;
}

/** Key material for one NAF_Id; times in ms since 1970. */
export interface ZnAnswer {
  ksNaf: SecretKey;
  ksIntNaf?: SecretKey;
  keyExpiry: number;
  bootstrapTime?: number;
  impi?: string;
  uss?: Uss[];
}

/** Zn (TS 33.220 4.5.3), whatever carries it. Throws `btid-unknown`, `naf-not-allowed`, `peer-unreachable`. */
export interface ZnClient {
  fetch(query: ZnQuery): Promise<ZnAnswer>;
}
