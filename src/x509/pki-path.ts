import { parseDer } from './der.ts';
import { encode, sequence } from './nodes.ts';

/** PkiPath: the authority first, each one the issuer of the next (RFC 6066 10.1, X.509). */
export function makePkiPath(certificates: readonly Uint8Array[]): Buffer {
  return encode(sequence(...certificates.map((der) => parseDer(der))));
}
