import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { equalBytes } from './bytes.ts';
import { GbaError } from './errors.ts';

const REDACTED = '[redacted]';

/**
 * Key octets that cannot be printed or serialised by accident. `bytes()` is the one way out: a view of the live octets,
 * to be used at once and not kept. After `erase()` any use throws `key-erased`.
 */
export class SecretKey {
  #octets: Buffer;
  #erased = false;

  private constructor(octets: Buffer) {
    this.#octets = octets;
  }

  /** Copies `octets`; the caller may (and should) overwrite its own. */
  static copyOf(octets: Uint8Array): SecretKey {
    return new SecretKey(Buffer.from(octets));
  }

  /** Takes `octets` over without copying: for fresh buffers that nobody else holds. */
  static adopt(octets: Buffer): SecretKey {
    return new SecretKey(octets);
  }

  get length(): number {
    return this.#octets.length;
  }

  get erased(): boolean {
    return this.#erased;
  }

  bytes(): Buffer {
    if (this.#erased) throw new GbaError('key-erased', 'the key has been erased');
    return this.#octets;
  }

  /** First 8 hex digits of SHA-256 over a label and the key: names a key in logs, tells nothing about it. */
  id(): string {
    return createHash('sha256').update('gba-authz key id').update(this.bytes()).digest('hex').slice(0, 8);
  }

  equals(other: SecretKey): boolean {
    return equalBytes(this.bytes(), other.bytes());
  }

  erase(): void {
    this.#octets.fill(0);
    this.#erased = true;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return `SecretKey ${REDACTED}`;
  }
}
