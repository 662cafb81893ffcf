import { randomBytes, randomFillSync } from 'node:crypto';

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

export const systemRandom: Random = { bytes: pooledBytes };
