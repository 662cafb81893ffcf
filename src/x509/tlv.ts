import { codeOf, GbaError } from '../base/index.ts';
import { checkStrictDer, type DerLimits } from './strict-der.ts';

const SEQUENCE = 0x30;

/**
 * Tag, length and value without a tree above them, for lists of any length: the ASN.1 library bounds how many nodes it takes,
 * and needs seconds for what is below that.
 */
export interface Tlv {
  tag: number;
  /** All octets of it, and those of its value. */
  raw: Buffer;
  value: Buffer;
}

/** The DER of a value of the given parts. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), ...parts]);
  const digits = length.toString(16);
  const octets = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length), octets, ...parts]);
}

/** One after the other, in octets that `checkStrictDer` has passed, alone or as a part. */
export function readTlvs(octets: Buffer): Tlv[] {
  const found: Tlv[] = [];
  for (let at = 0; at < octets.length; ) {
    const tag = octets.readUInt8(at);
    const first = octets.readUInt8(at + 1);
    const more = first < 0x80 ? 0 : first & 0x7f;
    const from = at + 2 + more;
    const end = from + (more === 0 ? first : octets.readUIntBE(at + 2, more));
    if (end > octets.length) throw new GbaError('der-invalid', 'length past the end');
    found.push({ tag, raw: octets.subarray(at, end), value: octets.subarray(from, end) });
    at = end;
  }
  return found;
}

/** Members of a SEQUENCE in strict DER; undefined of anything else. For telling forms apart before one of them is read. */
export function membersOf(der: Uint8Array, limits?: DerLimits): Tlv[] | undefined {
  try {
    checkStrictDer(der, limits);
  } catch (error) {
    if (codeOf(error) === 'der-invalid') return undefined;
    throw error;
  }
  const [outer] = readTlvs(Buffer.from(der.buffer, der.byteOffset, der.length));
  return outer?.tag === SEQUENCE ? readTlvs(outer.value) : undefined;
}
