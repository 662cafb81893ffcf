import { assertBytes, fromBase64, GbaError, toBase64 } from '../base/index.ts';
import { isHostName } from './host-name.ts';

/** B-TID = base64(RAND) "@" BSF name (TS 33.220 4.5.2); RAND is 16 octets. Throws `btid-invalid` for a bad name. */
export function makeBtid(rand: Uint8Array, bsfFqdn: string): string {
  assertBytes(rand, 16, 'RAND');
  if (!isHostName(bsfFqdn)) throw new GbaError('btid-invalid', 'the BSF name is not a host name');
  return `${toBase64(rand)}@${bsfFqdn}`;
}

/** The parts of a B-TID; `bsf` in lower case, for look-ups. Throws `btid-invalid`; nothing is decoded silently. */
export function parseBtid(btid: string): { rand: Buffer; bsf: string } {
  const bsf = btid.slice(25);
  if (btid[24] !== '@' || !isHostName(bsf)) throw new GbaError('btid-invalid', 'not a B-TID');
  let rand: Buffer;
  try {
    rand = fromBase64(btid.slice(0, 24));
  } catch (cause) {
    throw new GbaError('btid-invalid', 'not a B-TID', { cause });
  }
  if (rand.length !== 16) throw new GbaError('btid-invalid', 'not a B-TID');
  return { rand, bsf: bsf.toLowerCase() };
}
