import { addressKey, GbaError } from '../base/index.ts';

const BUCKETS = 65_536;
const MOST = 0xffff;

/** Unfinished runs at most, in one window. */
export interface OutstandingLimits {
  perIdentity: number;
  /** Of one identity from one address: so that no single stranger can use up what an identity has. */
  perIdentityAndAddress: number;
  perAddress: number;
  total: number;
}

/** From outside one refusal like another; inside, which limit was reached. */
export class UbOverload extends GbaError {
  readonly limit: keyof OutstandingLimits;

  constructor(limit: keyof OutstandingLimits) {
    super('overloaded', 'too many unfinished runs', { retryable: true });
    this.limit = limit;
  }
}

/**
 * Counts unfinished runs within a window, in fixed memory, for known and unknown identities alike (a count only of known ones
 * would tell them apart). Every run costs the HSS a sequence number, so this bounds those too. Two identities or addresses
 * may share a bucket: the limits are brakes, not accounts.
 */
export interface Outstanding {
  /** Throws `overloaded` and counts nothing when one of the limits of the present window is reached. */
  begin(identity: string, address: string, nowMs: number): void;
  /** A run of this identity, ended from this address, ended well. */
  finish(identity: string, address: string): void;
}

export function createOutstanding(limits: OutstandingLimits, windowMs: number, seed: number): Outstanding {
  const counts = {
    perIdentity: new Uint16Array(BUCKETS),
    perIdentityAndAddress: new Uint16Array(BUCKETS),
    perAddress: new Uint16Array(BUCKETS),
  };
  const kinds = ['perIdentity', 'perIdentityAndAddress', 'perAddress'] as const;
  let total = 0;
  let windowStart = 0;

  function bucketOf(text: string): number {
    let hash = seed >>> 0;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
  }

  function bucketsOf(identity: string, address: string): Record<(typeof kinds)[number], number> {
    const from = addressKey(address);
    return {
      perIdentity: bucketOf(identity),
      // No identity holds a control character.
      perIdentityAndAddress: bucketOf(`${identity}\n${from}`),
      perAddress: bucketOf(from),
    };
  }

  return {
    begin(identity, address, nowMs) {
      if (nowMs - windowStart >= windowMs || nowMs < windowStart) {
        for (const kind of kinds) counts[kind].fill(0);
        total = 0;
        windowStart = nowMs;
      }
      if (total >= limits.total) throw new UbOverload('total');
      const buckets = bucketsOf(identity, address);
      // An address at its limit is told so before it can find out anything about an identity.
      for (const kind of [...kinds].reverse()) {
        if ((counts[kind][buckets[kind]] ?? 0) >= Math.min(limits[kind], MOST)) throw new UbOverload(kind);
      }
      for (const kind of kinds) counts[kind][buckets[kind]] = (counts[kind][buckets[kind]] ?? 0) + 1;
      total++;
    },
    finish(identity, address) {
      const buckets = bucketsOf(identity, address);
      for (const kind of kinds) {
        counts[kind][buckets[kind]] = Math.max(0, (counts[kind][buckets[kind]] ?? 0) - 1);
      }
      total = Math.max(0, total - 1);
    },
  };
}
