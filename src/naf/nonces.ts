import { createHmac } from 'node:crypto';
import { equalBytes, type Random, type SecretKey } from '../base/index.ts';
import type { Store } from '../store/index.ts';

const TIME = 6;
const SALT = 6;
const TAG = 12;
const NONCE = /^[A-Za-z0-9+/]{32}$/;

/** Nonces without memory: base64(time in ms, 6 || salt 6 || HMAC-SHA-256 over both and the NAF's name, first 12). */
export interface NonceMaker {
  make(nowMs: number): string;
  /** When this nonce was made here; undefined when it was not. */
  issuedAt(nonce: string): number | undefined;
}

export function createNonceMaker(key: SecretKey, fqdn: string, random: Random): NonceMaker {
  const tagOf = (head: Buffer): Buffer =>
    createHmac('sha256', key.bytes()).update(head).update(fqdn).digest().subarray(0, TAG);
  return {
    make(nowMs) {
      const head = Buffer.allocUnsafe(TIME + SALT);
      head.writeUIntBE(nowMs, 0, TIME);
      head.set(random.bytes(SALT), TIME);
      return Buffer.concat([head, tagOf(head)]).toString('base64');
    },
    issuedAt(nonce) {
      if (!NONCE.test(nonce)) return undefined;
      const octets = Buffer.from(nonce, 'base64');
      const head = octets.subarray(0, TIME + SALT);
      return equalBytes(tagOf(head), octets.subarray(TIME + SALT)) ? head.readUIntBE(0, TIME) : undefined;
    },
  };
}

/** Highest nonce count seen per nonce: each count serves once, in rising order (RFC 7616 3.4). */
export interface NonceCounts {
  /** When the nonce is known to be made here, from an earlier use. */
  known(nonce: string): number | undefined;
  /** False when `nc` was used or passed over already. */
  advance(nonce: string, issuedAt: number, nc: number): boolean | Promise<boolean>;
}

/**
 * Counts in this process, at most `limit` nonces. What is forgotten to make room cannot be replayed: from then on every
 * nonce as old as the forgotten one is taken for used, and so is one made before this process began.
 */
export function createMemoryCounts(limit: number, startedAt: number): NonceCounts {
  const seen = new Map<string, { issuedAt: number; nc: number }>();
  let floor = startedAt - 1;
  return {
    known: (nonce) => seen.get(nonce)?.issuedAt,
    advance(nonce, issuedAt, nc) {
      const entry = seen.get(nonce);
      if (entry !== undefined) {
        if (nc <= entry.nc) return false;
        entry.nc = nc;
        return true;
      }
      if (issuedAt <= floor) return false;
      if (seen.size >= limit) {
        const oldest = seen.entries().next().value;
        if (oldest !== undefined) {
          floor = Math.max(floor, oldest[1].issuedAt);
          seen.delete(oldest[0]);
        }
        if (issuedAt <= floor) return false;
      }
      seen.set(nonce, { issuedAt, nc });
      return true;
    },
  };
}

const SPACE = 'naf-nonce';

/** Counts in a store that several workers share: the one whose compare-and-set wins has the count. */
export function createStoreCounts(store: Store, lifetimeMs: number): NonceCounts {
  return {
    known: () => undefined,
    async advance(nonce, issuedAt, nc) {
      const entry = await store.get<{ v: 1; nc: number }>(SPACE, nonce);
      if (entry !== undefined && nc <= entry.value.nc) return false;
      const expiresAt = issuedAt + lifetimeMs + 1;
      return await store.commit([
        { space: SPACE, key: nonce, expect: entry?.version ?? 0, put: { v: 1, nc }, expiresAt },
      ]);
    },
  };
}
