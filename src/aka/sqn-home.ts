import { GbaError } from '../base/index.ts';
import { checkIndBits, DEFAULT_DELTA, DEFAULT_IND_BITS, joinSqn, maxSeq, splitSqn } from './sqn.ts';

/** Clock unit of the entirely time-based scheme, milliseconds (TS 33.102 C.3.3: 0.1 s). */
const CLOCK_UNIT_MS = 100;

/** SQN generation, not time-based (TS 33.102 C.1.1.2): `seq` and `ind` are those of the last vector. */
export interface CounterGenerator {
  scheme: 'counter';
  indBits: number;
  seq: number;
  ind: number;
  margin?: number;
}

/**
 * SQN generation, entirely time-based (TS 33.102 C.1.1.3): SEQ = GLC + DIF, GLC = the clock in units of 0.1 s. Nothing
 * has to be written for a vector; `last` (SEQ of the last vector) keeps two vectors within one unit apart when the
 * caller holds the generator in memory.
 */
export interface TimeGenerator {
  scheme: 'time';
  indBits: number;
  dif: number;
  last: number;
  margin?: number;
}

/**
 * What the HSS keeps for a subscriber; JSON as it is. `margin`: what is added to SQN_MS at the next resynchronisation, because
 * numbers above it may have been given already by an HSS that has been lost.
 */
export type SqnGenerator = CounterGenerator | TimeGenerator;

export interface NextSqn {
  sqn: Buffer;
  /** The generator after this vector. */
  next: SqnGenerator;
  /** True when `next` must be stored durably before the vector leaves. */
  persist: boolean;
}

/**
 * A generator that goes on above `sqn` (6 octets; default zero, so the first SEQ is 1: a fresh card refuses 0). The
 * time-based one starts there too, not at the clock, because a fresh card refuses a jump above its delta.
 */
export function createSqnGenerator(options: {
  scheme: 'counter' | 'time';
  nowMs: number;
  indBits?: number;
  sqn?: Uint8Array;
}): SqnGenerator {
  const indBits = options.indBits ?? DEFAULT_IND_BITS;
  checkIndBits(indBits);
  const { seq, ind } = splitSqn(options.sqn ?? Buffer.alloc(6), indBits);
  if (options.scheme === 'counter') return { scheme: 'counter', indBits, seq, ind };
  return { scheme: 'time', indBits, dif: seq + 1 - globalCount(options.nowMs), last: seq };
}

/** The next SQN; IND goes round (TS 33.102 C.3.4). Throws `sqn-exhausted` at the end of the counter. */
export function nextSqn(generator: SqnGenerator, nowMs: number): NextSqn {
  const { indBits } = generator;
  const size = 2 ** indBits;
  const seq = nextSeq(generator, nowMs);
  if (seq > maxSeq(indBits)) throw new GbaError('sqn-exhausted', 'the sequence number is used up');
  if (generator.scheme === 'counter') {
    const ind = (generator.ind + 1) % size;
    return { sqn: joinSqn({ seq, ind }, indBits), next: { ...generator, seq, ind }, persist: true };
  }
  // Without a write per vector there is no IND_HE: SEQ itself turns the array round.
  return { sqn: joinSqn({ seq, ind: seq % size }, indBits), next: { ...generator, last: seq }, persist: false };
}

/**
 * After an AUTS whose MAC-S is right (TS 33.102 6.3.5): unchanged when the next SQN would be accepted by a card at
 * `sqnMs` anyway, otherwise SQN_HE := SQN_MS, so that the next SEQ is above every SEQ in the card's array.
 */
export function resync(
  generator: SqnGenerator,
  sqnMs: Uint8Array,
  nowMs: number,
  delta: number = DEFAULT_DELTA,
): SqnGenerator {
  const { margin = 0, ...rest } = generator;
  const { seq: seqMs } = splitSqn(sqnMs, generator.indBits);
  const jump = nextSeq(generator, nowMs) - seqMs;
  if (jump > 0 && jump <= delta) return generator;
  const seq = seqMs + boundedJump(margin, seqMs, generator.indBits);
  if (rest.scheme === 'counter') return { ...rest, seq };
  return { ...rest, dif: seq + 1 - globalCount(nowMs), last: seq };
}

/** A little less than half of what a card takes at once. */
const LARGEST_JUMP = DEFAULT_DELTA / 2 - 2 ** 20;

/** Bounds a jump, also to half of what is left of the counter (TS 33.102 C.2.1: no wrap around). */
export function boundedJump(jump: number, seq: number, indBits: number): number {
  return Math.min(jump, LARGEST_JUMP, Math.max(0, Math.floor((maxSeq(indBits) - seq) / 2)));
}

function nextSeq(generator: SqnGenerator, nowMs: number): number {
  if (generator.scheme === 'counter') return generator.seq + 1;
  return Math.max(globalCount(nowMs) + generator.dif, generator.last + 1);
}

/** GLC (TS 33.102 C.1.1.1) of a clock reading in milliseconds. */
export function globalCount(nowMs: number): number {
  return Math.floor(nowMs / CLOCK_UNIT_MS);
}
