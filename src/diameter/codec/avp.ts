import { GbaError } from '../../base/index.ts';
import { DiameterRefusal, RESULT } from './refusal.ts';
import type { ValueType } from './value-types.ts';

/** An AVP as it stands in a message. `data` of a grouped AVP is its members, encoded. */
export interface Avp {
  code: number;
  /** 0: an AVP of the base protocol, without the V bit. */
  vendorId: number;
  mandatory: boolean;
  data: Buffer;
}

/** An attribute of the dictionary: its place, its format and, when grouped, the grammar of its members. */
export interface AvpDefinition<T> {
  code: number;
  vendorId: number;
  name: string;
  /** How we send it; a known AVP is taken with the M bit set or clear. */
  mandatory: boolean;
  type: ValueType<T>;
  members?: readonly Rule[];
}

/** How often an AVP may stand in a command or a grouped AVP (RFC 6733 3.2). */
export interface Rule {
  avp: AvpDefinition<unknown>;
  least: number;
  most: number;
}

const V = 0x80;
const M = 0x40;
/** The P bit is obsolete and ignored; the five below it are reserved. */
const RESERVED = 0x1f;
const MAX_LENGTH = 0xffffff;
/** AVPs of one message, nested ones included per list. */
const MAX_AVPS = 512;
export const MAX_DEPTH = 6;

const padded = (length: number): number => (length + 3) & ~3;
const headerOf = (vendorId: number): number => (vendorId === 0 ? 8 : 12);

/** Encodes AVPs one after the other, each padded with zeros. Throws `avp-too-long`. */
export function encodeAvps(avps: readonly Avp[]): Buffer {
  const size = avps.reduce((sum, avp) => sum + padded(headerOf(avp.vendorId) + avp.data.length), 0);
  const out = Buffer.alloc(size);
  let at = 0;
  for (const { code, vendorId, mandatory, data } of avps) {
    const header = headerOf(vendorId);
    const length = header + data.length;
    if (length > MAX_LENGTH) throw new GbaError('avp-too-long', 'an AVP is longer than its length field can say');
    out.writeUInt32BE(code, at);
    out.writeUInt32BE(length, at + 4);
    out[at + 4] = (vendorId === 0 ? 0 : V) | (mandatory ? M : 0);
    if (vendorId !== 0) out.writeUInt32BE(vendorId, at + 8);
    out.set(data, at + header);
    at += padded(length);
  }
  return out;
}

/** Finds what the dictionary says of an AVP. */
export type Lookup = (code: number, vendorId: number) => AvpDefinition<unknown> | undefined;

/**
 * Splits octets into AVPs: every length within bounds, padding present, all octets used. `data` are views. Throws
 * `DiameterRefusal` 3009 (reserved flags), 5014 (lengths), 5012 (too many).
 */
export function decodeAvps(octets: Buffer, lookup: Lookup): Avp[] {
  const avps: Avp[] = [];
  let at = 0;
  while (at < octets.length) {
    if (avps.length === MAX_AVPS) throw new DiameterRefusal(RESULT.UNABLE_TO_COMPLY, 'too many AVPs');
    const rest = octets.length - at;
    if (rest < 8) throw badLength(rest >= 4 ? octets.readUInt32BE(at) : 0, 0, false, lookup);
    const code = octets.readUInt32BE(at);
    const flags = octets.readUInt8(at + 4);
    const length = octets.readUIntBE(at + 5, 3);
    const vendored = (flags & V) !== 0;
    const mandatory = (flags & M) !== 0;
    const header = vendored ? 12 : 8;
    const vendorId = vendored && rest >= 12 ? octets.readUInt32BE(at + 8) : 0;
    if (length < header || padded(length) > rest) throw badLength(code, vendorId, mandatory, lookup);
    const avp = { code, vendorId, mandatory, data: octets.subarray(at + header, at + length) };
    if ((flags & RESERVED) !== 0 || (vendored && vendorId === 0)) {
      throw new DiameterRefusal(RESULT.INVALID_AVP_BITS, 'flags of an AVP', { failedAvp: encodeAvps([avp]) });
    }
    avps.push(avp);
    at += padded(length);
  }
  return avps;
}

/** 5014: the header, with zeros of the shortest length that the AVP may have (RFC 6733 7.1.5). */
function badLength(code: number, vendorId: number, mandatory: boolean, lookup: Lookup): DiameterRefusal {
  const data = Buffer.alloc(lookup(code, vendorId)?.type.least ?? 0);
  const failedAvp = encodeAvps([{ code, vendorId, mandatory, data }]);
  return new DiameterRefusal(RESULT.INVALID_AVP_LENGTH, `length of AVP ${code}`, { failedAvp });
}

export function lengthRefusal(avp: Avp, lookup: Lookup): DiameterRefusal {
  return badLength(avp.code, avp.vendorId, avp.mandatory, lookup);
}

/** Builds an AVP from a typed value. Throws `avp-value-invalid`. */
export function make<T>(definition: AvpDefinition<T>, value: T): Avp {
  const { code, vendorId, mandatory, type } = definition;
  return { code, vendorId, mandatory, data: type.encode(value) };
}

const is = <T>(avp: Avp, definition: AvpDefinition<T>): boolean =>
  avp.code === definition.code && avp.vendorId === definition.vendorId;

/** The value of the first such AVP. On checked messages it cannot throw. */
export function get<T>(avps: readonly Avp[], definition: AvpDefinition<T>): T | undefined {
  const found = avps.find((avp) => is(avp, definition));
  return found === undefined ? undefined : definition.type.decode(found.data);
}

export function getAll<T>(avps: readonly Avp[], definition: AvpDefinition<T>): T[] {
  return avps.filter((avp) => is(avp, definition)).map((avp) => definition.type.decode(avp.data));
}

/** The value; throws 5005 when the AVP is not there. */
export function need<T>(avps: readonly Avp[], definition: AvpDefinition<T>): T {
  const value = get(avps, definition);
  if (value === undefined) throw missing(definition);
  return value;
}

/** 5005 with an example: the header and zeros of the shortest length (RFC 6733 7.1.5). */
export function missing<T>({ code, vendorId, mandatory, type, name }: AvpDefinition<T>): DiameterRefusal {
  const failedAvp = encodeAvps([{ code, vendorId, mandatory, data: Buffer.alloc(type.least) }]);
  return new DiameterRefusal(RESULT.MISSING_AVP, `${name} is missing`, { failedAvp });
}

/** 5004 for an AVP whose format is right and whose content is not. */
export function badValue<T>(definition: AvpDefinition<T>, value: T): DiameterRefusal {
  return new DiameterRefusal(RESULT.INVALID_AVP_VALUE, `${definition.name} has no valid value`, {
    failedAvp: encodeAvps([make(definition, value)]),
  });
}

/** Grouped: its length counts members with their padding, so it is a multiple of 4 (RFC 6733 4.4). */
export const GROUPED: ValueType<readonly Avp[]> = {
  name: 'Grouped',
  fits: (length) => length % 4 === 0,
  least: 0,
  encode: (members) => encodeAvps(members),
  decode: (data) => decodeAvps(data, () => undefined),
};
