import { GbaError } from '../../base/index.ts';

/**
 * A data format of RFC 6733 4.2, 4.3.1. `decode` gets data of a length that `fits`; both directions throw `avp-value-invalid` for
 * what the format excludes.
 */
export interface ValueType<T> {
  name: string;
  fits(length: number): boolean;
  /** Shortest data; what Failed-AVP shows for a missing AVP or a bad length. */
  least: number;
  encode(value: T): Buffer;
  decode(data: Buffer): T;
}

const invalid = (what: string): GbaError => new GbaError('avp-value-invalid', `AVP value: ${what}`);

export const OCTETS: ValueType<Buffer> = {
  name: 'OctetString',
  fits: () => true,
  least: 0,
  encode: (value) => value,
  decode: (data) => data,
};

/** Octets of one of a few lengths: keys, RAND and the like. */
export function octets(...lengths: readonly number[]): ValueType<Buffer> {
  return {
    name: 'OctetString',
    fits: (length) => lengths.includes(length),
    least: Math.min(...lengths),
    encode: (value) => {
      if (!lengths.includes(value.length)) throw invalid(`${value.length} octets, not ${lengths.join(' or ')}`);
      return value;
    },
    decode: (data) => data,
  };
}

export const UNSIGNED32: ValueType<number> = {
  name: 'Unsigned32',
  fits: (length) => length === 4,
  least: 4,
  encode: (value) => {
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw invalid('not an Unsigned32');
    const data = Buffer.alloc(4);
    data.writeUInt32BE(value);
    return data;
  },
  decode: (data) => data.readUInt32BE(),
};

/** Enumerated is an Integer32 with known values; others are refused (5004). */
export function enumerated(...known: readonly number[]): ValueType<number> {
  const check = (value: number): number => {
    if (!known.includes(value)) throw invalid(`unknown enumerated value ${value}`);
    return value;
  };
  return {
    name: 'Enumerated',
    fits: (length) => length === 4,
    least: 4,
    encode: (value) => UNSIGNED32.encode(check(value)),
    decode: (data) => check(data.readInt32BE()),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const UTF8: ValueType<string> = {
  name: 'UTF8String',
  fits: () => true,
  least: 0,
  encode: (value) => Buffer.from(value, 'utf8'),
  decode: (data) => {
    try {
      return utf8.decode(data);
    } catch {
      throw invalid('not UTF-8');
    }
  },
};

const IDENTITY = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_])?$/;

/** DiameterIdentity: a host or realm name in ASCII. */
export const IDENTITY_TYPE: ValueType<string> = {
  name: 'DiameterIdentity',
  fits: (length) => length > 0,
  least: 1,
  encode: (value) => Buffer.from(checkIdentity(value), 'latin1'),
  decode: (data) => checkIdentity(data.toString('latin1')),
};

function checkIdentity(text: string): string {
  if (!IDENTITY.test(text) || text.includes('..')) throw invalid('not a DiameterIdentity');
  return text;
}

/** Seconds between 1900-01-01 and 1970-01-01. */
const NTP_TO_UNIX = 2_208_988_800;
const ERA = 2 ** 32;

/** Time as ms since 1970. A value without its top bit counts from 2036-02-07 06:28:16 UTC (RFC 6733 4.3.1). */
export const TIME: ValueType<number> = {
  name: 'Time',
  fits: (length) => length === 4,
  least: 4,
  encode: (value) => {
    const seconds = Math.floor(value / 1000) + NTP_TO_UNIX;
    if (!(seconds >= ERA / 2 && seconds < ERA + ERA / 2)) throw invalid('a time outside 1968 to 2104');
    return UNSIGNED32.encode(seconds % ERA);
  },
  decode: (data) => {
    const value = data.readUInt32BE();
    return (value + (value >= ERA / 2 ? 0 : ERA) - NTP_TO_UNIX) * 1000;
  },
};

/** Address: family 1 (IPv4) or 2 (IPv6) and the address octets; other families pass as they are. */
export const ADDRESS: ValueType<{ family: number; address: Buffer }> = {
  name: 'Address',
  fits: (length) => length >= 2,
  least: 6,
  encode: ({ family, address }) => {
    const data = Buffer.alloc(2 + address.length);
    data.writeUInt16BE(family);
    data.set(address, 2);
    return data;
  },
  decode: (data) => {
    const family = data.readUInt16BE();
    const address = data.subarray(2);
    const length = { 1: 4, 2: 16 }[family];
    if (length !== undefined && address.length !== length) throw invalid('an address of wrong length for its family');
    return { family, address };
  },
};
