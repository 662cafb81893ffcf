import type { Uss } from '../http/index.ts';

/** One vector of one subscriber, with what the HSS says about it (TS 33.220 4.5.2 step 2). Octets are the caller's to erase. */
export interface SubscriberVector {
  /** The IMPI as the HSS stores it: the form that goes into every key derivation. */
  impi: string;
  rand: Buffer;
  autn: Buffer;
  xres: Buffer;
  ck: Buffer;
  ik: Buffer;
  uiccType: 'GBA' | 'GBA_U';
  /** Key lifetime of the GUSS; absent: the BSF's own. */
  keyLifetimeSeconds?: number;
  uss?: readonly Uss[];
}

/**
 * Where the BSF gets its vectors: an HSS over SBI, or one in the same process. Throws `user-unknown`, `user-not-allowed`,
 * `auts-refused` (only with `resync`) and `peer-unreachable`. Every call burns an SQN: never retry blindly.
 */
export interface AvSource {
  fetch(query: { impi: string; resync?: { rand: Uint8Array; auts: Uint8Array } }): Promise<SubscriberVector>;
  close?(): void;
}
