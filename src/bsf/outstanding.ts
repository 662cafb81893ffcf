const BUCKETS = 65_536;

/**
 * Counts unfinished runs per identity within a window, in fixed memory, for known and unknown identities alike (a count
 * only of known ones would tell them apart). Two identities may share a bucket: the limit is a brake, not an account.
 */
export interface Outstanding {
  /** False when this identity has reached the limit of the present window. */
  begin(identity: string, nowMs: number): boolean;
  /** A run of this identity ended well. */
  finish(identity: string): void;
}

export function createOutstanding(limit: number, windowMs: number, seed: number): Outstanding {
  const counts = new Uint16Array(BUCKETS);
  let windowStart = 0;

  function bucketOf(identity: string): number {
    let hash = seed >>> 0;
    for (let i = 0; i < identity.length; i++) hash = Math.imul(hash ^ identity.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
  }

  return {
    begin(identity, nowMs) {
      if (nowMs - windowStart >= windowMs || nowMs < windowStart) {
        counts.fill(0);
        windowStart = nowMs;
      }
      const bucket = bucketOf(identity);
      const count = counts[bucket] ?? 0;
      if (count >= limit) return false;
      counts[bucket] = count + 1;
      return true;
    },
    finish(identity) {
      const bucket = bucketOf(identity);
      const count = counts[bucket] ?? 0;
      if (count > 0) counts[bucket] = count - 1;
    },
  };
}
