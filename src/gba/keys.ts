import { assertBytes, SecretKey } from '../base/index.ts';
import { FC_GBA, kdf, kdfInput, kdfText } from './kdf.ts';
import { UA_TMPI } from './naf-id.ts';

/** Input of a NAF key: Ks 32 octets, RAND 16 octets, IMPI as text (never the TMPI), NAF_Id octets. */
export interface KsNafInput {
  ks: SecretKey;
  rand: Uint8Array;
  impi: string;
  nafId: Uint8Array;
}

const GBA_ME = Buffer.from('gba-me', 'ascii');
const GBA_U = Buffer.from('gba-u', 'ascii');
const TMPI_REALM = 'tmpi.bsf.3gppnetwork.org';
const TMPI = /^[A-Za-z0-9+/]{32}@tmpi\.bsf\.3gppnetwork\.org$/i;

/** Ks = CK || IK, 32 octets (TS 33.220 4.5.2, B.3). */
export function ksFrom(ck: Uint8Array, ik: Uint8Array): SecretKey {
  assertBytes(ck, 16, 'CK');
  assertBytes(ik, 16, 'IK');
  return SecretKey.adopt(Buffer.concat([ck, ik]));
}

/** Ks_NAF of GBA_ME, Ks_ext_NAF of GBA_U (TS 33.220 B.3, "gba-me"): 32 octets. */
export function deriveKsNaf(input: KsNafInput): SecretKey {
  checkSizes(input.ks, input.rand);
  return kdf(input.ks, FC_GBA, ksNafParams(GBA_ME, input));
}

/** Ks_int_NAF, which stays in the UICC (TS 33.220 B.3, "gba-u"): 32 octets. */
export function deriveKsIntNaf(input: KsNafInput): SecretKey {
  checkSizes(input.ks, input.rand);
  return kdf(input.ks, FC_GBA, ksNafParams(GBA_U, input));
}

/** S of the "gba-me" derivation (TS 33.220 B.3), for test vectors and debugging; holds no secret. */
export function ksNafInput(input: Omit<KsNafInput, 'ks'>): Buffer {
  return kdfInput(FC_GBA, ksNafParams(GBA_ME, input));
}

/** TMPI = base64(first 24 octets of the KDF) "@tmpi.bsf.3gppnetwork.org"; `bsf` as in the B-TID (TS 33.220 B.4). */
export function deriveTmpi(input: { ks: SecretKey; rand: Uint8Array; impi: string; bsf: string }): string {
  checkSizes(input.ks, input.rand);
  const bsfId = Buffer.concat([Buffer.from(input.bsf, 'utf8'), UA_TMPI]);
  const key = kdf(input.ks, FC_GBA, [GBA_ME, input.rand, kdfText(input.impi), bsfId]);
  const temp = key.bytes().toString('base64', 0, 24);
  key.erase();
  return `${temp}@${TMPI_REALM}`;
}

/** True for the structure of a TMPI, false for an IMPI (TS 33.220 4.5.2, B.4). */
export function isTmpi(username: string): boolean {
  return TMPI.test(username);
}

function ksNafParams(label: Buffer, { rand, impi, nafId }: Omit<KsNafInput, 'ks'>): Uint8Array[] {
  return [label, rand, kdfText(impi), nafId];
}

function checkSizes(ks: SecretKey, rand: Uint8Array): void {
  assertBytes(ks.bytes(), 32, 'Ks');
  assertBytes(rand, 16, 'RAND');
}
