import { createHash } from 'node:crypto';
import { assertBytes } from '../base/index.ts';

/**
 * AUTN* of GBA_U: MAC* = MAC xor the first 8 octets of SHA-1(IK), the rest as in AUTN (TS 33.220 5.3.2). Its own
 * inverse: the same call with the card's IK gives AUTN back.
 */
export function autnStar(autn: Uint8Array, ik: Uint8Array): Buffer {
  assertBytes(autn, 16, 'AUTN');
  assertBytes(ik, 16, 'IK');
  const mask = createHash('sha1').update(ik).digest();
  const result = Buffer.from(autn);
  for (let i = 0; i < 8; i++) result[8 + i] = (result[8 + i] as number) ^ (mask[i] as number);
  mask.fill(0);
  return result;
}

/** RES with its least significant bit flipped, as it leaves the card in GBA_U (TS 33.220 5.3.2). */
export function flipRes(res: Uint8Array): Buffer {
  const flipped = Buffer.from(res);
  if (flipped.length > 0) flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
  return flipped;
}
