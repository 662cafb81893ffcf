import * as asn1js from 'asn1js';
import { GbaError } from '../base/index.ts';
import { checkStrictDer, type DerLimits } from './strict-der.ts';

type AsnNode = asn1js.BaseBlock;

/**
 * One ASN.1 type: its asn1js form and back. Both ways check bounds and throw `der-invalid`, so that nothing is written that no
 * reader takes.
 */
export interface DerCodec<T> {
  toAsn(value: T): AsnNode;
  fromAsn(node: AsnNode): T;
}

const refuse = (why: string): never => {
  throw new GbaError('der-invalid', `DER does not fit the schema: ${why}`);
};

const own = (octets: Uint8Array): ArrayBuffer => new Uint8Array(octets).buffer;

/** The DER of `value`. */
export function encodeDer<T>(codec: DerCodec<T>, value: T): Buffer {
  return Buffer.from(codec.toAsn(value).toBER());
}

/** Strict DER of exactly this type; throws `der-invalid`. */
export function decodeDer<T>(codec: DerCodec<T>, octets: Uint8Array, limits?: DerLimits): T {
  return codec.fromAsn(parseDer(octets, limits));
}

/** Strict DER to asn1js nodes; throws `der-invalid`. */
export function parseDer(octets: Uint8Array, limits?: DerLimits): AsnNode {
  checkStrictDer(octets, limits);
  const { result, offset } = asn1js.fromBER(own(octets));
  if (offset !== octets.length) throw new GbaError('der-invalid', `DER does not parse: ${result.error}`);
  return result;
}

const nodes = new WeakMap<Uint8Array, AsnNode>();

/** As `parseDer`, once for octets that stay as they are: those of a certificate that was read. The node is for reading. */
export function parseOnce(octets: Uint8Array): AsnNode {
  const known = nodes.get(octets) ?? parseDer(octets);
  nodes.set(octets, known);
  return known;
}

/** The first member of a SEQUENCE, whatever follows: tells versions apart before a schema is chosen. */
export function headOf<T>(codec: DerCodec<T>, node: AsnNode): T {
  const [head] = node instanceof asn1js.Sequence ? node.valueBlock.value : refuse('SEQUENCE expected');
  return codec.fromAsn(head ?? refuse('empty SEQUENCE'));
}

/** INTEGER from `min` to `max`. */
export function derInteger(min: number, max: number): DerCodec<number> {
  const bounded = (value: number): number =>
    Number.isSafeInteger(value) && value >= min && value <= max ? value : refuse(`INTEGER outside ${min}..${max}`);
  return {
    toAsn: (value) => new asn1js.Integer({ value: bounded(value) }),
    fromAsn(node) {
      if (!(node instanceof asn1js.Integer) || node instanceof asn1js.Enumerated) return refuse('INTEGER expected');
      return bounded(Number(node.toBigInt()));
    },
  };
}

/** ENUMERATED with the given names, numbered from 0. */
export const derEnum = <const N extends string>(names: readonly N[]): DerCodec<N> => ({
  toAsn(value) {
    const index = names.indexOf(value);
    return index >= 0 ? new asn1js.Enumerated({ value: index }) : refuse('unknown ENUMERATED value');
  },
  fromAsn(node) {
    if (!(node instanceof asn1js.Enumerated)) return refuse('ENUMERATED expected');
    return names[Number(node.toBigInt())] ?? refuse('unknown ENUMERATED value');
  },
});

export const derBoolean: DerCodec<boolean> = {
  toAsn: (value) => new asn1js.Boolean({ value }),
  fromAsn: (node) => (node instanceof asn1js.Boolean ? node.getValue() : refuse('BOOLEAN expected')),
};

/** OCTET STRING of `min` to `max` octets (one number: exactly). */
export function derOctets(min: number, max = min): DerCodec<Buffer> {
  const bounded = <T extends Uint8Array>(value: T): T =>
    value.length >= min && value.length <= max ? value : refuse(`OCTET STRING of ${value.length} octets`);
  return {
    toAsn: (value) => new asn1js.OctetString({ valueHex: own(bounded(value)) }),
    fromAsn(node) {
      if (!(node instanceof asn1js.OctetString)) return refuse('OCTET STRING expected');
      return Buffer.from(bounded(node.valueBlock.valueHexView));
    },
  };
}

/** UTF8String of 1 to `max` octets (0 when `empty`), well-formed, without control characters. */
export function derText(max: number, empty = false): DerCodec<string> {
  const bounded = (text: string): string => {
    const length = Buffer.byteLength(text, 'utf8');
    if (length > max || (length === 0 && !empty)) return refuse(`UTF8String of ${length} octets`);
    return UNFIT.test(text) ? refuse('control character or lone surrogate in text') : text;
  };
  return {
    toAsn: (value) => new asn1js.Utf8String({ value: bounded(value) }),
    fromAsn: (node) =>
      node instanceof asn1js.Utf8String ? bounded(utf8(node.valueBlock.valueHexView)) : refuse('UTF8String expected'),
  };
}

/** A lone surrogate would be written as U+FFFD, so that two identities would share one encoding. */
const UNFIT = /[\p{Cc}\p{Surrogate}]/u;

function utf8(octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return refuse('UTF8String is not UTF-8');
  }
}

const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z');
const TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** GeneralizedTime YYYYMMDDHHMMSSZ; milliseconds since 1970 in code, whole seconds on the wire. */
export const derTime: DerCodec<number> = {
  toAsn(value) {
    if (!(value >= 0 && value <= LAST_TIME)) return refuse('time outside 1970 to 9999');
    return new asn1js.GeneralizedTime({ valueDate: new Date(Math.floor(value / 1000) * 1000) });
  },
  fromAsn(node) {
    if (!(node instanceof asn1js.GeneralizedTime)) return refuse('GeneralizedTime expected');
    const text = Buffer.from(node.valueBlock.valueHexView).toString('latin1');
    const m = TIME.exec(text) ?? refuse('GeneralizedTime is not YYYYMMDDHHMMSSZ');
    const iso = `${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}.000Z`;
    const ms = Date.parse(iso);
    return ms >= 0 && new Date(ms).toISOString() === iso ? ms : refuse('no such time from 1970 on');
  },
};

/** SEQUENCE of the named members, in the order written. */
export function derSequence<T extends object>(members: { [K in keyof T]: DerCodec<T[K]> }): DerCodec<T> {
  const names = Object.keys(members) as (keyof T)[];
  return {
    toAsn: (value) => new asn1js.Sequence({ value: names.map((name) => members[name].toAsn(value[name])) }),
    fromAsn(node) {
      if (!(node instanceof asn1js.Sequence)) return refuse('SEQUENCE expected');
      const nodes = node.valueBlock.value;
      if (nodes.length !== names.length) return refuse(`SEQUENCE of ${nodes.length}, expected ${names.length} members`);
      const result: Partial<T> = {};
      names.forEach((name, i) => {
        result[name] = members[name].fromAsn(nodes[i] ?? refuse('member missing'));
      });
      return result as T;
    },
  };
}

/** SEQUENCE OF `min` to `max` items. */
export function derSequenceOf<T>(item: DerCodec<T>, min: number, max: number): DerCodec<T[]> {
  const bounded = <I>(items: I[]): I[] =>
    items.length >= min && items.length <= max ? items : refuse(`${items.length} items, expected ${min} to ${max}`);
  return {
    toAsn: (values) => new asn1js.Sequence({ value: bounded(values).map((value) => item.toAsn(value)) }),
    fromAsn(node) {
      if (!(node instanceof asn1js.Sequence)) return refuse('SEQUENCE OF expected');
      return bounded(node.valueBlock.value).map((one) => item.fromAsn(one));
    },
  };
}

/** `[tag] EXPLICIT` of the inner type. */
export const derTagged = <T>(tag: number, inner: DerCodec<T>): DerCodec<T> => ({
  toAsn: (value) => new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: tag }, value: [inner.toAsn(value)] }),
  fromAsn(node) {
    const { tagClass, tagNumber } = node.idBlock;
    if (!(node instanceof asn1js.Constructed) || tagClass !== 3 || tagNumber !== tag)
      return refuse(`[${tag}] expected`);
    const [only, more] = node.valueBlock.value;
    return only !== undefined && more === undefined
      ? inner.fromAsn(only)
      : refuse(`[${tag}] holds not exactly one value`);
  },
});

type OneOf<T> = { [K in keyof T]: Record<K, T[K]> }[keyof T];

/** CHOICE of the named alternatives, `[0] EXPLICIT`, `[1] EXPLICIT` and so on; a value is an object with just its member. */
export function derChoice<T extends object>(alternatives: { [K in keyof T]: DerCodec<T[K]> }): DerCodec<OneOf<T>> {
  const names = Object.keys(alternatives) as (keyof T)[];
  return {
    toAsn(value) {
      const tag = names.findIndex((name) => name in value);
      const name = names[tag] ?? refuse('no such alternative');
      return derTagged(tag, alternatives[name]).toAsn((value as T)[name]);
    },
    fromAsn(node) {
      const tag = node.idBlock.tagNumber;
      const name = names[tag] ?? refuse('no such alternative');
      return { [name]: derTagged(tag, alternatives[name]).fromAsn(node) } as OneOf<T>;
    },
  };
}
