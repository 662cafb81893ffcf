import { randomBytes, randomFillSync } from 'node:crypto';
import { GbaError } from './errors.ts';

/** Milliseconds since 1970-01-01T00:00:00Z. Passed in everywhere, so that tests and simulations own time. */
export interface Clock {
  now(): number;
}

/** The one source of randomness; returns `length` octets. */
export interface Random {
  bytes(length: number): Buffer;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Nonces are a few octets each: one call of the generator fills many. What has been handed out is wiped from the pool. */
const pool = Buffer.alloc(4096);
const POOLED = 64;
let used = pool.length;

function pooledBytes(length: number): Buffer {
  if (length > POOLED) return randomBytes(length);
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const taken = Buffer.from(pool.subarray(used, used + length));
  pool.fill(0, used, used + length);
  used += length;
  return taken;
}

const SAMPLE = 32;
/** Fewer different octets in a sample have a chance of less than 2^-60 with a sound source. */
const LEAST_DIFFERENT = 12;

/** Refuses a source that stands still, repeats itself or gives too little (`random-weak`); a predictable one it cannot tell. */
export function checkRandom(random: Random): void {
  const [one, other] = [random.bytes(SAMPLE), random.bytes(SAMPLE)];
  const sound = [one, other].every(({ length }) => length === SAMPLE) && !one.equals(other);
  if (!sound || [one, other].some((sample) => new Set(sample).size < LEAST_DIFFERENT)) {
    throw new GbaError('random-weak', 'the source of randomness is not random');
  }
}

export const systemRandom: Random = { bytes: pooledBytes };
