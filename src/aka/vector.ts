import { assertBytes, equalBytes } from '../base/index.ts';
import { type AkaSource, computeAka, computeAnonymity } from './algorithm.ts';
import { type AkaKeys, milenageBlocks } from './milenage.ts';

/** One authentication vector (TS 33.102 6.3.2); octets: rand 16, autn 16, xres 4..16, ck 16, ik 16. */
export interface AuthenticationVector {
  rand: Buffer;
  autn: Buffer;
  xres: Buffer;
  ck: Buffer;
  ik: Buffer;
}

export type AutnCheck = { ok: true; sqn: Buffer; amf: Buffer; res: Buffer; ck: Buffer; ik: Buffer } | { ok: false };

/** AMF* of resynchronisation, whatever the challenge's AMF was (TS 33.102 6.3.3). */
const AMF_STAR = Buffer.alloc(2);

/** RAND (16), SQN (6), AMF (2) to a vector; AUTN = (SQN xor AK) || AMF || MAC-A (TS 33.102 6.3.2). */
export function makeVector(
  source: AkaSource,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): AuthenticationVector {
  if (!('compute' in source)) return milenageVector(source, rand, sqn, amf);
  const out = source.compute(rand, sqn, amf);
  const autn = Buffer.concat([xor6(sqn, out.ak), amf, out.macA]);
  return { rand: Buffer.from(rand), autn, xres: out.res, ck: out.ck, ik: out.ik };
}

/** As `makeVector`, with AUTN over f1 and RAND over f5* in the one buffer that MILENAGE returns: no more allocations. */
function milenageVector(keys: AkaKeys, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): AuthenticationVector {
  const out = milenageBlocks(keys, rand, sqn, amf);
  for (let i = 0; i < 8; i++) {
    out[8 + i] = out[i] as number;
    out[i] = i < 6 ? (sqn[i] as number) ^ (out[16 + i] as number) : (amf[i - 6] as number);
    out[16 + i] = 0;
  }
  for (let i = 0; i < 16; i++) out[64 + i] = rand[i] as number;
  // Buffer.from makes the same view as subarray, faster.
  const { buffer, byteOffset } = out;
  return {
    rand: Buffer.from(buffer, byteOffset + 64, 16),
    autn: Buffer.from(buffer, byteOffset, 16),
    xres: Buffer.from(buffer, byteOffset + 24, 8),
    ck: Buffer.from(buffer, byteOffset + 32, 16),
    ik: Buffer.from(buffer, byteOffset + 48, 16),
  };
}

/** The card's MAC test (TS 33.102 6.3.3 steps 1 and 2). Says nothing about the freshness of SQN. */
export function checkAutn(source: AkaSource, rand: Uint8Array, autn: Uint8Array): AutnCheck {
  assertBytes(autn, 16, 'AUTN');
  const { ak } = computeAnonymity(source, rand);
  const sqn = xor6(autn, ak);
  const amf = Buffer.from(autn.subarray(6, 8));
  const out = computeAka(source, rand, sqn, amf);
  if (!equalBytes(out.macA, autn.subarray(8, 16))) return { ok: false };
  return { ok: true, sqn, amf, res: out.res, ck: out.ck, ik: out.ik };
}

/** AUTS = (SQN_MS xor AK*) || MAC-S, 14 octets, for the RAND of the refused challenge (TS 33.102 6.3.3). */
export function makeAuts(source: AkaSource, rand: Uint8Array, sqnMs: Uint8Array): Buffer {
  const out = computeAka(source, rand, sqnMs, AMF_STAR);
  return Buffer.concat([xor6(sqnMs, out.akStar), out.macS]);
}

/** SQN_MS of an AUTS made by this card for this RAND (TS 33.102 6.3.5); undefined when MAC-S is wrong. */
export function openAuts(source: AkaSource, rand: Uint8Array, auts: Uint8Array): { sqnMs: Buffer } | undefined {
  assertBytes(auts, 14, 'AUTS');
  const { akStar } = computeAnonymity(source, rand);
  const sqnMs = xor6(auts, akStar);
  const out = computeAka(source, rand, sqnMs, AMF_STAR);
  return equalBytes(out.macS, auts.subarray(6, 14)) ? { sqnMs } : undefined;
}

function xor6(a: Uint8Array, b: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(6);
  for (let i = 0; i < 6; i++) result[i] = (a[i] as number) ^ (b[i] as number);
  return result;
}
