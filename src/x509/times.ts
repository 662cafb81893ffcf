import * as asn1js from 'asn1js';
import { encode, type NodeReader } from './nodes.ts';
import type { Tlv } from './tlv.ts';

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const FORM = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** Time of certificates and lists in DER: UTCTime to 2049, GeneralizedTime after, whole seconds (RFC 5280 4.1.2.5). */
export function timeOctets(ms: number): Buffer {
  const valueDate = new Date(Math.floor(ms / 1000) * 1000);
  return encode(
    valueDate.getUTCFullYear() < 2050 ? new asn1js.UTCTime({ valueDate }) : new asn1js.GeneralizedTime({ valueDate }),
  );
}

export const isTime = (one: Tlv | undefined): one is Tlv => one?.tag === UTC_TIME || one?.tag === GENERALIZED_TIME;

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime without a fraction. */
export function readTime(one: Tlv | undefined, what: string, read: NodeReader): number {
  if (!isTime(one)) return read.refuse(`${what} is no time`);
  const text = one.value.toString('latin1');
  const century = one.tag === GENERALIZED_TIME ? '' : Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const m = FORM.exec(century + text) ?? read.refuse(`${what} has a fraction`);
  const iso = `${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}.000Z`;
  const ms = Date.parse(iso);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === iso
    ? ms
    : read.refuse(`${what} is no day of the calendar`);
}
