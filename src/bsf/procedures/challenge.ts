import { GbaError, type Random, type Sealer, toHex } from '../../base/index.ts';
import { makeAkaNonce } from '../../digest/index.ts';
import { autnStar, flipRes } from '../../gba/index.ts';
import type { SubscriberVector } from '../av-source.ts';
import { type ChallengeRecord, sealChallengeKeys } from '../records.ts';

const RAND = 16;
const AUTN = 16;

/** RAND (hex) of a nonce that could be one of ours; undefined for any other text. */
export function randOfNonce(nonce: string): string | undefined {
  const octets = Buffer.from(nonce, 'base64');
  if (octets.length !== RAND + AUTN || octets.toString('base64') !== nonce) return undefined;
  return octets.toString('hex', 0, RAND);
}

export interface ChallengeRun {
  username: string;
  tmpi: boolean;
  resynced: boolean;
  generation: number;
  defaultLifetimeSeconds: number;
  gbaURes: 'flipped' | 'plain';
}

/**
 * Message 2 for a subscriber: the record to store under `rand` before the nonce leaves. A GBA_U card gets AUTN* and
 * answers with RES whose last bit is flipped (TS 33.220 5.3.2), unless the cards of this operator do not; only subscription data decides that. Erases the vector.
 */
export function makeChallenge(
  vector: SubscriberVector,
  run: ChallengeRun,
  sealer: Sealer,
): { rand: string; record: ChallengeRecord } {
  if (
    vector.rand.length !== RAND ||
    vector.autn.length !== AUTN ||
    vector.ck.length !== 16 ||
    vector.ik.length !== 16
  ) {
    throw new GbaError('peer-refused', 'the HSS sent a vector of wrong sizes');
  }
  const inCard = vector.uiccType === 'GBA_U';
  const rand = toHex(vector.rand);
  const nonce = makeAkaNonce(vector.rand, inCard ? autnStar(vector.autn, vector.ik) : vector.autn);
  const xres = inCard && run.gbaURes === 'flipped' ? flipRes(vector.xres) : vector.xres;
  const sealed = sealChallengeKeys(sealer, rand, xres, vector.ck, vector.ik);
  for (const secret of [xres, vector.xres, vector.ck, vector.ik]) secret.fill(0);
  return {
    rand,
    record: {
      v: 1,
      username: run.username,
      impi: vector.impi,
      nonce,
      uiccType: vector.uiccType,
      lifetimeSeconds: vector.keyLifetimeSeconds ?? run.defaultLifetimeSeconds,
      tmpi: run.tmpi,
      resynced: run.resynced,
      generation: run.generation,
      ...(vector.uss !== undefined && { uss: vector.uss }),
      sealed,
    },
  };
}

/** A nonce for an identity that has no vector: random, but with the AMF in clear where a real AUTN has it. */
export function makeUnknownNonce(random: Random, amf: Uint8Array): string {
  const octets = random.bytes(RAND + AUTN);
  octets.set(amf, RAND + 6);
  return octets.toString('base64');
}
