import * as asn1js from 'asn1js';
import type { Node, NodeReader } from './nodes.ts';

const FORM = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** Time of certificates and lists: UTCTime to 2049, GeneralizedTime after, whole seconds (RFC 5280 4.1.2.5). */
export function timeNode(ms: number): Node {
  const valueDate = new Date(Math.floor(ms / 1000) * 1000);
  return valueDate.getUTCFullYear() < 2050
    ? new asn1js.UTCTime({ valueDate })
    : new asn1js.GeneralizedTime({ valueDate });
}

export const isTime = (node: Node | undefined): boolean => node instanceof asn1js.UTCTime;

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime without a fraction. */
export function readTime(node: Node | undefined, what: string, read: NodeReader): number {
  // GeneralizedTime is a subclass of UTCTime there.
  if (!(node instanceof asn1js.UTCTime)) return read.refuse(`${what} is no time`);
  const text = Buffer.from(node.valueBlock.valueHexView).toString('latin1');
  const century = node instanceof asn1js.GeneralizedTime ? '' : Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const m = FORM.exec(century + text) ?? read.refuse(`${what} has a fraction`);
  const iso = `${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}.000Z`;
  const ms = Date.parse(iso);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === iso
    ? ms
    : read.refuse(`${what} is no day of the calendar`);
}
