import { type AkaKeys, milenage, milenageAnonymity } from './milenage.ts';
import type { AkaOutput } from './output.ts';

/** An algorithm set with a subscriber's keys inside: what AUTN, AUTS and the card need, whatever computes it. */
export interface AkaAlgorithm {
  readonly name: string;
  /** f1..f5* over RAND (16), SQN (6), AMF (2). */
  compute(rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): AkaOutput;
  /** f5 and f5* alone: the card needs AK before it knows SQN. */
  anonymity(rand: Uint8Array): { ak: Buffer; akStar: Buffer };
}

/** MILENAGE keys stand for themselves; any other algorithm comes as an `AkaAlgorithm`. */
export type AkaSource = AkaKeys | AkaAlgorithm;

export function computeAka(source: AkaSource, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): AkaOutput {
  return 'compute' in source ? source.compute(rand, sqn, amf) : milenage(source, rand, sqn, amf);
}

export function computeAnonymity(source: AkaSource, rand: Uint8Array): { ak: Buffer; akStar: Buffer } {
  return 'compute' in source ? source.anonymity(rand) : milenageAnonymity(source, rand);
}
