import { createCipheriv } from 'node:crypto';
import { assertBytes, SecretKey } from '../base/index.ts';
import type { AkaOutput } from './output.ts';

/** A MILENAGE subscriber: K and OPc, 16 octets each (TS 35.206 4.1). */
export interface AkaKeys {
  k: SecretKey;
  opc: SecretKey;
}

const ALGORITHM = 'aes-128-ecb';
/**
 * Scratch of one synchronous call, wiped at its end. Filled octet by octet and combined word by word (every rotation is
 * by whole words, so their octet order does not matter): measured faster than octets alone, set() or copy().
 */
const words = new Int32Array(32);
const octets = Buffer.from(words.buffer);
const block = octets.subarray(0, 16);
const inputs = octets.subarray(48, 128);

/** OPc = E_K(OP) xor OP (TS 35.206 4.1). `op` is 16 octets; it is left as it was. */
export function opcFromOp(k: SecretKey, op: Uint8Array): SecretKey {
  assertBytes(k.bytes(), 16, 'K');
  assertBytes(op, 16, 'OP');
  const opc = createCipheriv(ALGORITHM, k.bytes(), null).update(op);
  for (let i = 0; i < 16; i++) opc[i] = at(opc, i) ^ at(op, i);
  return SecretKey.adopt(opc);
}

/**
 * MILENAGE with the recommended r1..r5 and c1..c5 (TS 35.206 4.1): RAND 16, SQN 6, AMF 2 octets. Throws RangeError for
 * other sizes, `key-erased` for erased keys. One key set-up and two AES calls: TEMP, then all five inputs at once.
 */
export function milenage(keys: AkaKeys, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): AkaOutput {
  const out = milenageBlocks(keys, rand, sqn, amf);
  return {
    macA: out.subarray(0, 8),
    macS: out.subarray(8, 16),
    res: out.subarray(24, 32),
    ck: out.subarray(32, 48),
    ik: out.subarray(48, 64),
    ak: out.subarray(16, 22),
    akStar: out.subarray(64, 70),
  };
}

/** f5 and f5* alone (TS 35.206 4.1), for the side that does not know SQN yet. */
export function milenageAnonymity(keys: AkaKeys, rand: Uint8Array): { ak: Buffer; akStar: Buffer } {
  const out = milenageBlocks(keys, rand, NO_SQN, NO_AMF);
  return { ak: out.subarray(16, 22), akStar: out.subarray(64, 70) };
}

const NO_SQN = Buffer.alloc(6);
const NO_AMF = Buffer.alloc(2);

/** OUT1 || .. || OUT5 (TS 35.206 4.1), 80 octets of a fresh buffer: MAC-A, MAC-S, AK (6 of 8), RES, CK, IK, AK* (6 of 16). */
export function milenageBlocks(keys: AkaKeys, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Buffer {
  const k = keys.k.bytes();
  const opc = keys.opc.bytes();
  if (k.length !== 16) assertBytes(k, 16, 'K');
  if (opc.length !== 16) assertBytes(opc, 16, 'OPc');
  if (rand.length !== 16) assertBytes(rand, 16, 'RAND');
  if (sqn.length !== 6) assertBytes(sqn, 6, 'SQN');
  if (amf.length !== 2) assertBytes(amf, 2, 'AMF');
  const cipher = createCipheriv(ALGORITHM, k, null);
  for (let i = 0; i < 16; i++) {
    const octet = at(opc, i);
    octets[16 + i] = octet;
    octets[i] = at(rand, i) ^ octet;
  }
  const temp = cipher.update(block);
  for (let i = 0; i < 16; i++) octets[32 + i] = at(temp, i);
  for (let i = 0; i < 6; i++) octets[i] = at(sqn, i);
  octets[6] = at(amf, 0);
  octets[7] = at(amf, 1);
  fillInputs();
  const out = cipher.update(inputs);
  const result = new Int32Array(out.buffer, out.byteOffset, 20);
  for (let i = 0; i < 20; i++) result[i] = word(result, i) ^ word(words, 4 + (i & 3));
  words.fill(0);
  return out;
}

/** The inputs of f1..f5* (words 12..31) from SQN || AMF (words 0, 1), OPc (4..7) and TEMP (8..11). */
function fillInputs(): void {
  const w = words;
  for (let i = 0; i < 4; i++) {
    const temp = word(w, 8 + i);
    // f1: TEMP xor rot(IN1 xor OPc, 64 bits); IN1 = SQN || AMF || SQN || AMF has equal halves, so only OPc turns.
    w[12 + i] = temp ^ word(w, i & 1) ^ word(w, 4 + ((i + 2) & 3));
    // f2..f5*: rot(TEMP xor OPc, r) with r = 0, 32, 64, 96 bits towards the front.
    const source = temp ^ word(w, 4 + i);
    w[16 + i] = source;
    w[20 + ((i + 3) & 3)] = source;
    w[24 + ((i + 2) & 3)] = source;
    w[28 + ((i + 1) & 3)] = source;
  }
  // c2..c5 = 1, 2, 4, 8 in the last octet.
  for (let i = 0; i < 4; i++) inputs[31 + 16 * i] = at(inputs, 31 + 16 * i) ^ (1 << i);
}

/** Elements by index; sizes have been checked, so the index is always inside. */
function at(array: Uint8Array, index: number): number {
  return array[index] as number;
}

function word(array: Int32Array, index: number): number {
  return array[index] as number;
}
