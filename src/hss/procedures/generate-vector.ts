import {
  type AkaKeys,
  type AuthenticationVector,
  makeVector,
  nextSqn,
  openAuts,
  resync,
  type SqnGenerator,
} from '../../aka/index.ts';
import { GbaError } from '../../base/index.ts';

export interface VectorRequest {
  keys: AkaKeys;
  amf: Uint8Array;
  sqn: SqnGenerator;
  /** 16 fresh random octets. */
  rand: Uint8Array;
  nowMs: number;
  /** RAND and AUTS of the challenge that the card refused. */
  resynchronization?: { rand: Uint8Array; auts: Uint8Array };
}

export interface VectorDecision {
  vector: AuthenticationVector;
  /** The generator afterwards, and whether it must be durable before the vector leaves. */
  sqn: SqnGenerator;
  persist: boolean;
}

/** Makes one vector; MAC-S of an AUTS is checked before anything changes (TS 33.102 6.3.5). Throws `auts-refused`. */
export function generateVector(request: VectorRequest): VectorDecision {
  const start =
    request.resynchronization === undefined ? request.sqn : resynchronised(request, request.resynchronization);
  const { sqn, next, persist } = nextSqn(start, request.nowMs);
  const vector = makeVector(request.keys, request.rand, sqn, request.amf);
  return { vector, sqn: next, persist: persist || start !== request.sqn };
}

function resynchronised(request: VectorRequest, { rand, auts }: { rand: Uint8Array; auts: Uint8Array }): SqnGenerator {
  const opened = openAuts(request.keys, rand, auts);
  if (opened === undefined) throw new GbaError('auts-refused', 'AUTS was not made by this subscriber for this RAND');
  return resync(request.sqn, opened.sqnMs, request.nowMs);
}
