import { createHash } from 'node:crypto';
import { type Clock, GbaError } from '../base/index.ts';
import type { Op, Store } from '../store/index.ts';

/** Idempotency keys, by the client that named them. */
export const REQUEST_KEY = 'request-key';
/** Longer than any client goes on trying. */
const KEPT_MS = 30 * 86_400_000;

interface RequestRecord {
  v: 1;
  /** SHA-256 of the request, hexadecimal. */
  request: string;
  /** What it made. */
  made: string;
}

/** Two requests of one client under one key are one request, or a mistake. */
export const differs = (): GbaError =>
  new GbaError('repeat-differs', 'another request was made under this key, or of this name, before');

export const fingerprint = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(String(part.length)).update(':').update(part);
  return hash.digest('hex');
};

export type Repeats = ReturnType<typeof createRepeats>;

/** Idempotency keys that clients name (draft-ietf-httpapi-idempotency-key-header): what each of them made, for each client. */
export function createRepeats(store: Store, clock: Clock) {
  const keyOf = (client: string, key: string): string => `${client}/${fingerprint(key)}`;
  return {
    /** What this request made before, if it did. Throws `repeat-differs`. */
    async made(client: string, key: string, request: string): Promise<string | undefined> {
      const known = (await store.get<RequestRecord>(REQUEST_KEY, keyOf(client, key)))?.value;
      if (known !== undefined && known.request !== request) throw differs();
      return known?.made;
    },
    /** Goes into the commit of what it makes. */
    keepOp(client: string, key: string, request: string, made: string): Op {
      const put: RequestRecord = { v: 1, request, made };
      return { space: REQUEST_KEY, key: keyOf(client, key), expect: 0, put, expiresAt: clock.now() + KEPT_MS };
    },
  };
}
