import { malformed } from './octets.ts';

/** Content types (RFC 8446 5.1). */
const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;
const CONTENT_TYPES = [CHANGE_CIPHER_SPEC, 21, HANDSHAKE, 23];
const MAX_RECORD = 16_384;

/** Handshake types that are read here (RFC 5246 7.4). */
export const CLIENT_HELLO = 1;
export const SERVER_HELLO = 2;
export const CLIENT_KEY_EXCHANGE = 16;

export interface HandshakeMessage {
  type: number;
  body: Buffer;
}

/**
 * Handshake messages out of records that are not encrypted yet (RFC 8446 5.1, RFC 5246 6.2.1): put together again when they
 * come in pieces, taken apart when several share a record. Alerts are passed over; from ChangeCipherSpec on nothing can be read.
 * Throws `tls-malformed`.
 */
export class HandshakeReader {
  readonly #limit: number;
  #records: Buffer = Buffer.alloc(0);
  #messages: Buffer = Buffer.alloc(0);
  #encrypted = false;

  /** `limit`: largest message taken, octets. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that `octets` completed. */
  push(octets: Buffer): HandshakeMessage[] {
    const found: HandshakeMessage[] = [];
    let left = this.#records.length === 0 ? octets : Buffer.concat([this.#records, octets]);
    while (!this.#encrypted) {
      const record = recordOf(left);
      if (record === undefined) break;
      left = left.subarray(5 + record.fragment.length);
      if (record.type === HANDSHAKE) this.#collect(record.fragment, found);
      else if (this.#messages.length > 0) throw malformed('a handshake message is broken off');
      this.#encrypted = record.type === CHANGE_CIPHER_SPEC;
    }
    this.#records = this.#encrypted ? Buffer.alloc(0) : left;
    return found;
  }

  #collect(fragment: Buffer, found: HandshakeMessage[]): void {
    if (fragment.length === 0) throw malformed('an empty handshake record');
    let left = this.#messages.length === 0 ? fragment : Buffer.concat([this.#messages, fragment]);
    while (left.length >= 4) {
      const length = left.readUIntBE(1, 3);
      if (length > this.#limit) throw malformed('a handshake message is too large');
      if (left.length < 4 + length) break;
      found.push({ type: left.readUInt8(0), body: left.subarray(4, 4 + length) });
      left = left.subarray(4 + length);
    }
    this.#messages = left;
  }
}

/** The first record, once it is whole; what can never become one is refused at its first octets. */
function recordOf(octets: Buffer): { type: number; fragment: Buffer } | undefined {
  if (octets.length === 0) return undefined;
  const type = octets.readUInt8(0);
  if (!CONTENT_TYPES.includes(type) || (octets.length > 1 && octets.readUInt8(1) !== 3))
    throw malformed('no TLS record');
  if (octets.length < 5) return undefined;
  const length = octets.readUInt16BE(3);
  if (length > MAX_RECORD) throw malformed('a record is too large');
  return octets.length < 5 + length ? undefined : { type, fragment: octets.subarray(5, 5 + length) };
}
