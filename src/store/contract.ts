/**
 * A record as read. `version` changes with every write and is never used again for its key, not even after the record was
 * deleted or has expired: who still knows an old version knows nothing. `expiresAt` is milliseconds since 1970.
 */
export interface Entry<T = unknown> {
  key: string;
  value: T;
  version: number;
  expiresAt?: number;
}

/** One write of a commit. Of several to one key the last counts; what they expect is looked at before any of them. */
export interface Op {
  space: string;
  key: string;
  /** The version the record must have now; 0: it must be absent (or expired). Left out: whatever it is. */
  expect?: number;
  /** The new value, anything JSON can say. */
  put?: unknown;
  expiresAt?: number;
  delete?: true;
}

export interface ListOptions {
  prefix?: string;
  /** Only keys after this one, in the order of their UTF-8 octets. */
  after?: string;
  limit?: number;
}

/**
 * The one storage contract: named spaces of records with versions and expiry. Everything that must happen together is one
 * `commit`: all operations or none, durable when the promise resolves. An expired record is absent, by the injected clock.
 *
 * A store that cannot be reached rejects with `store-unavailable`. After a `commit` has ended so, it may have happened or
 * not: read again before deciding.
 */
export interface Store {
  get<T>(space: string, key: string): Promise<Entry<T> | undefined>;
  list<T>(space: string, options?: ListOptions): Promise<Entry<T>[]>;
  /** False when an `expect` does not hold; nothing is written then. */
  commit(ops: readonly Op[]): Promise<boolean>;
  /**
   * A bounded piece of the work of removing what has expired: looks at, or removes, about `limit` records. Call after call
   * it gets round to all of them. Returns how many it removed.
   */
  sweep(limit?: number): Promise<number>;
  close(): Promise<void>;
}
