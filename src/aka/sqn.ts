import { assertBytes } from '../base/index.ts';

/** SQN = SEQ || IND (TS 33.102 C.1.1.1); SEQ stays below 2^48, so a number holds it exactly. */
export interface SqnParts {
  seq: number;
  ind: number;
}

/** Largest jump of SEQ that a card accepts, all profiles of TS 33.102 C.3. */
export const DEFAULT_DELTA = 2 ** 28;
export const DEFAULT_IND_BITS = 5;

export function splitSqn(sqn: Uint8Array, indBits: number): SqnParts {
  assertBytes(sqn, 6, 'SQN');
  checkIndBits(indBits);
  const value = Buffer.from(sqn.buffer, sqn.byteOffset, 6).readUIntBE(0, 6);
  const size = 2 ** indBits;
  return { seq: Math.floor(value / size), ind: value % size };
}

export function joinSqn({ seq, ind }: SqnParts, indBits: number): Buffer {
  checkIndBits(indBits);
  if (!Number.isInteger(seq) || seq < 0 || seq > maxSeq(indBits)) throw new RangeError('SEQ: out of range');
  if (!Number.isInteger(ind) || ind < 0 || ind >= 2 ** indBits) throw new RangeError('IND: out of range');
  const sqn = Buffer.allocUnsafe(6);
  sqn.writeUIntBE(seq * 2 ** indBits + ind, 0, 6);
  return sqn;
}

export function maxSeq(indBits: number): number {
  return 2 ** (48 - indBits) - 1;
}

export function checkIndBits(indBits: number): void {
  if (!Number.isInteger(indBits) || indBits < 0 || indBits > 16)
    throw new RangeError('IND length: expected 0 to 16 bits');
}
