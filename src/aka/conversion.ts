import { assertBytes } from '../base/index.ts';

const RES_SIZES = Array.from({ length: 13 }, (_, i) => 4 + i);

/** c2: SRES (4 octets) of a RES of 4 to 16 octets, padded with zeros and folded (TS 33.102 6.8.1.2). */
export function sresFromRes(res: Uint8Array): Buffer {
  assertBytes(res, RES_SIZES, 'RES');
  return fold([res], 4);
}

/** c3: Kc (8 octets) = CK1 xor CK2 xor IK1 xor IK2 (TS 33.102 6.8.1.2). */
export function kcFromCkIk(ck: Uint8Array, ik: Uint8Array): Buffer {
  assertBytes(ck, 16, 'CK');
  assertBytes(ik, 16, 'IK');
  return fold([ck, ik], 8);
}

function fold(parts: readonly Uint8Array[], size: number): Buffer {
  const folded = Buffer.alloc(size);
  for (const part of parts) {
    part.forEach((octet, i) => {
      folded[i % size] = (folded[i % size] ?? 0) ^ octet;
    });
  }
  return folded;
}
