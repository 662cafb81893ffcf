/** A record as read: `version` counts its writes since it was created, `expiresAt` is milliseconds since 1970. */
export interface Entry<T = unknown> {
  key: string;
  value: T;
  version: number;
  expiresAt?: number;
}

/** One write of a commit. */
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
 */
export interface Store {
  get<T>(space: string, key: string): Promise<Entry<T> | undefined>;
  list<T>(space: string, options?: ListOptions): Promise<Entry<T>[]>;
  /** False when an `expect` does not hold; nothing is written then. */
  commit(ops: readonly Op[]): Promise<boolean>;
  /** Removes what has expired; returns how many records. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}
