import { GbaError } from '../base/index.ts';

export interface DerLimits {
  /** Largest encoding taken, octets. */
  size?: number;
  depth?: number;
}

/** No INTEGER or OBJECT IDENTIFIER here is near it, and the library needs seconds for the longest that would fit. */
const LONGEST_NUMBER = 512;

const DAY = '(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([01][0-9]|2[0-3])([0-5][0-9]){2}';
/** X.690 11.7 and 11.8: in Z, with seconds, a fraction without zeros at its end. */
const UTC_TIME = new RegExp(`^[0-9]{2}${DAY}Z$`);
const GENERALIZED_TIME = new RegExp(`^[0-9]{4}${DAY}(\\.[0-9]*[1-9])?Z$`);

const refuse = (why: string): never => {
  throw new GbaError('der-invalid', `not strict DER: ${why}`);
};

/**
 * Walks every TLV and refuses what DER (X.690 10, 11) forbids and the ASN.1 library lets through: indefinite or longer than
 * needed lengths, non-minimal INTEGER, BOOLEAN other than 00 or FF, padded OBJECT IDENTIFIER, unused bits that are set,
 * constructed strings, unsorted SET OF, times in other forms, multi-octet tags, trailing octets. Throws `der-invalid`.
 */
export function checkStrictDer(octets: Uint8Array, { size = 1024 * 1024, depth = 24 }: DerLimits = {}): void {
  if (octets.length > size) refuse(`over ${size} octets`);
  const end = walk(octets, 0, octets.length, depth);
  if (end !== octets.length) refuse('trailing octets');
}

/** Checks the TLV at `start`, which must end at or before `limit`; returns where it ends. */
function walk(octets: Uint8Array, start: number, limit: number, depth: number): number {
  if (depth === 0) refuse('nested too deep');
  const tag = octets[start];
  if (tag === undefined || start + 2 > limit) return refuse('truncated');
  if ((tag & 0x1f) === 0x1f) refuse('multi-octet tag');
  if (tag === 0) refuse('end-of-contents');
  const { length, from } = lengthAt(octets, start + 1, limit);
  const end = from + length;
  if (end > limit) refuse('length past the end');
  const universal = (tag & 0xc0) === 0;
  const constructed = (tag & 0x20) !== 0;
  if (universal) {
    const number = tag & 0x1f;
    const mustConstruct = number === 16 || number === 17;
    if (constructed !== mustConstruct) refuse(constructed ? 'constructed string' : 'primitive SEQUENCE or SET');
    if (!constructed) checkPrimitive(number, octets.subarray(from, end));
  }
  if (constructed) walkChildren(octets, from, end, depth - 1, tag === 0x31);
  return end;
}

function walkChildren(octets: Uint8Array, from: number, end: number, depth: number, isSet: boolean): void {
  let at = from;
  let previous: Uint8Array | undefined;
  while (at < end) {
    const next = walk(octets, at, end, depth);
    const child = octets.subarray(at, next);
    if (isSet && previous !== undefined && Buffer.compare(previous, child) > 0) refuse('SET is not sorted');
    previous = child;
    at = next;
  }
}

function lengthAt(octets: Uint8Array, at: number, limit: number): { length: number; from: number } {
  const first = octets[at] ?? refuse('truncated');
  if (first < 0x80) return { length: first, from: at + 1 };
  const count = first & 0x7f;
  if (count === 0) refuse('indefinite length');
  if (count > 4 || at + 1 + count > limit) refuse('length too long');
  let length = 0;
  for (let i = 1; i <= count; i++) length = length * 256 + (octets[at + i] ?? 0);
  if (octets[at + 1] === 0 || length < 0x80) refuse('length is not minimal');
  return { length, from: at + 1 + count };
}

function checkPrimitive(number: number, value: Uint8Array): void {
  const [first, second] = value;
  switch (number) {
    case 1:
      if (value.length !== 1 || (first !== 0 && first !== 0xff)) refuse('BOOLEAN is neither 00 nor FF');
      return;
    case 2:
    case 10:
      if (first === undefined) refuse('empty INTEGER');
      if (value.length > LONGEST_NUMBER) refuse('INTEGER too long');
      if (second === undefined) return;
      if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) refuse('INTEGER is not minimal');
      return;
    case 3:
      if (!isBitString(value)) refuse('BIT STRING is malformed');
      return;
    case 5:
      if (value.length !== 0) refuse('NULL with content');
      return;
    case 6:
      if (value.length > LONGEST_NUMBER || !isObjectIdentifier(value)) refuse('OBJECT IDENTIFIER is malformed');
      return;
    case 23:
      if (!matches(UTC_TIME, value)) refuse('UTCTime is not YYMMDDHHMMSSZ');
      return;
    case 24:
      if (!matches(GENERALIZED_TIME, value)) refuse('GeneralizedTime is not YYYYMMDDHHMMSS[.F]Z');
      return;
  }
}

const matches = (form: RegExp, value: Uint8Array): boolean =>
  value.length <= 64 && form.test(Buffer.from(value).toString('latin1'));

/** Count of unused bits first, 0 when there are none to be unused; those bits are zero (X.690 11.2.1). */
function isBitString(value: Uint8Array): boolean {
  const [unused] = value;
  if (unused === undefined || unused > 7) return false;
  if (value.length === 1) return unused === 0;
  return ((value.at(-1) ?? 0) & ((1 << unused) - 1)) === 0;
}

/** Every subidentifier ends, and none begins with the padding 80 (X.690 8.19.2). */
function isObjectIdentifier(value: Uint8Array): boolean {
  let starts = true;
  for (const octet of value) {
    if (starts && octet === 0x80) return false;
    starts = octet < 0x80;
  }
  return value.length > 0 && starts;
}
