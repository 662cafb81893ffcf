import { GbaError } from '../base/index.ts';

/** Reads the structures of TLS (RFC 8446 3): every length must fit, nothing is left over. Throws `tls-malformed`. */
export class Octets {
  readonly #octets: Buffer;
  #at = 0;

  constructor(octets: Buffer) {
    this.#octets = octets;
  }

  get left(): number {
    return this.#octets.length - this.#at;
  }

  take(count: number): Buffer {
    if (count > this.left) throw malformed('a field goes beyond its end');
    this.#at += count;
    return this.#octets.subarray(this.#at - count, this.#at);
  }

  /** An unsigned integer of 1 to 4 octets. */
  number(octets: number): number {
    return this.take(octets).readUIntBE(0, octets);
  }

  /** A vector with its length before it, which lies between `min` and `max` octets. */
  vector(lengthOctets: number, min: number, max: number): Buffer {
    const length = this.number(lengthOctets);
    if (length < min || length > max) throw malformed('a length is out of its bounds');
    return this.take(length);
  }

  end(): void {
    if (this.left > 0) throw malformed('octets are left over');
  }

  /** What `read` finds, one after the other, up to the end. */
  static all<T>(octets: Buffer, read: (octets: Octets) => T): T[] {
    const reader = new Octets(octets);
    const found: T[] = [];
    while (reader.left > 0) found.push(read(reader));
    return found;
  }
}

export function malformed(what: string): GbaError {
  return new GbaError('tls-malformed', `TLS: ${what}`);
}
