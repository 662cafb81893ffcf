import { createHmac } from 'node:crypto';
import { equalBytes, type Random, type SecretKey } from '../base/index.ts';
import type { Store } from '../store/index.ts';

const FIELD = 6;
const HEAD = 3 * FIELD;
const TAG = 12;
const NONCE = /^[A-Za-z0-9+/]{40}$/;

/** What a nonce of ours says of itself. */
export interface Issued {
  /** Milliseconds since 1970, by the clock of who made it. */
  at: number;
  /** Which maker, and how many it had made before: an order that no clock can turn round. */
  series: number;
  number: number;
}

/** Nonces without memory: base64(time, 6 || series, 6 || number, 6 || HMAC-SHA-256 over these and the NAF's name, first 12). */
export interface NonceMaker {
  readonly series: number;
  make(nowMs: number): string;
  /** Undefined for a nonce that was not made under this key for this NAF. */
  read(nonce: string): Issued | undefined;
}

export function createNonceMaker(key: SecretKey, fqdn: string, random: Random): NonceMaker {
  const series = random.bytes(FIELD).readUIntBE(0, FIELD);
  let made = 0;
  const tagOf = (head: Buffer): Buffer =>
    createHmac('sha256', key.bytes()).update(head).update(fqdn).digest().subarray(0, TAG);
  return {
    series,
    make(nowMs) {
      const head = Buffer.allocUnsafe(HEAD);
      head.writeUIntBE(nowMs, 0, FIELD);
      head.writeUIntBE(series, FIELD, FIELD);
      head.writeUIntBE(made++, 2 * FIELD, FIELD);
      return Buffer.concat([head, tagOf(head)]).toString('base64');
    },
    read(nonce) {
      if (!NONCE.test(nonce)) return undefined;
      const octets = Buffer.from(nonce, 'base64');
      const head = octets.subarray(0, HEAD);
      if (!equalBytes(tagOf(head), octets.subarray(HEAD))) return undefined;
      const field = (i: number): number => head.readUIntBE(i * FIELD, FIELD);
      return { at: field(0), series: field(1), number: field(2) };
    },
  };
}

/** Highest nonce count seen per nonce: each count serves once, in rising order (RFC 7616 3.4). */
export interface NonceCounts {
  /** What is known of the nonce from an earlier use. */
  known(nonce: string): Issued | undefined;
  /** False when `nc` was used or passed over already. */
  advance(nonce: string, issued: Issued, nc: number): boolean | Promise<boolean>;
}

/**
 * Counts in this process, at most `limit` nonces of this process's own `series`. What is forgotten to make room cannot be
 * replayed: from then on every nonce made before the forgotten one is taken for used. A clock that is set back changes nothing.
 */
export function createMemoryCounts(limit: number, series: number): NonceCounts {
  const seen = new Map<string, { issued: Issued; nc: number }>();
  let floor = -1;
  return {
    known: (nonce) => seen.get(nonce)?.issued,
    advance(nonce, issued, nc) {
      const entry = seen.get(nonce);
      if (entry !== undefined) {
        if (nc <= entry.nc) return false;
        entry.nc = nc;
        return true;
      }
      if (issued.series !== series || issued.number <= floor) return false;
      if (seen.size >= limit) {
        const oldest = seen.entries().next().value;
        if (oldest !== undefined) {
          floor = Math.max(floor, oldest[1].issued.number);
          seen.delete(oldest[0]);
        }
        if (issued.number <= floor) return false;
      }
      seen.set(nonce, { issued, nc });
      return true;
    },
  };
}

const SPACE = 'naf-nonce';

/** Counts in a store that several workers share: the one whose compare-and-set wins has the count. */
export function createStoreCounts(store: Store, lifetimeMs: number): NonceCounts {
  return {
    known: () => undefined,
    async advance(nonce, { at }, nc) {
      const entry = await store.get<{ v: 1; nc: number }>(SPACE, nonce);
      if (entry !== undefined && nc <= entry.value.nc) return false;
      const expiresAt = at + lifetimeMs + 1;
      return await store.commit([
        { space: SPACE, key: nonce, expect: entry?.version ?? 0, put: { v: 1, nc }, expiresAt },
      ]);
    },
  };
}
