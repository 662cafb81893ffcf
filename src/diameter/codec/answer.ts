import { type Avp, make } from './avp.ts';
import * as b from './base-avps.ts';
import type { Message } from './message.ts';
import { type DiameterRefusal, RESULT } from './refusal.ts';

export interface Identity {
  host: string;
  realm: string;
}

/** A faulty AVP longer than this is not sent back. */
const LONGEST_ECHO = 4096;

const is = (avp: Avp, { code }: { code: number }): boolean => avp.code === code && avp.vendorId === 0;

/** The answer to a request: its identifiers, P bit, Session-Id first and Proxy-Info in its order (RFC 6733 6.2). */
export function answerTo(request: Message, avps: readonly Avp[], error = false): Message {
  return {
    code: request.code,
    application: request.application,
    request: false,
    proxiable: request.proxiable,
    error,
    retransmitted: false,
    hopByHop: request.hopByHop,
    endToEnd: request.endToEnd,
    avps: [
      ...request.avps.filter((avp) => is(avp, b.SESSION_ID)).slice(0, 1),
      ...avps,
      ...request.avps.filter((avp) => is(avp, b.PROXY_INFO)),
    ],
  };
}

export function originOf(local: Identity): Avp[] {
  return [make(b.ORIGIN_HOST, local.host), make(b.ORIGIN_REALM, local.realm)];
}

/**
 * The answer that refuses a request: 3xxx with the E bit, others without (RFC 6733 7.1, 7.2), the AVP at fault in
 * Failed-AVP, a vendor's code in Experimental-Result.
 */
export function refusalTo(request: Message, refusal: DiameterRefusal, local: Identity): Message {
  const { resultCode, vendorId, failedAvp } = refusal;
  const result =
    vendorId === undefined
      ? make(b.RESULT_CODE, resultCode)
      : make(b.EXPERIMENTAL_RESULT, [make(b.VENDOR_ID, vendorId), make(b.EXPERIMENTAL_RESULT_CODE, resultCode)]);
  const avps = [result, ...originOf(local)];
  if (failedAvp !== undefined && failedAvp.length <= LONGEST_ECHO) avps.push(make(b.FAILED_AVP, failedAvp));
  return answerTo(request, avps, vendorId === undefined && resultCode >= 3000 && resultCode < 4000);
}

/** What an answer says: success, or the code with its vendor (0 for the base protocol's). */
export function resultOf(answer: Message): { vendorId: number; code: number } | undefined {
  const find = (definition: { code: number }): Avp | undefined => answer.avps.find((avp) => is(avp, definition));
  const base = find(b.RESULT_CODE);
  const vendor = find(b.EXPERIMENTAL_RESULT);
  // Both would contradict each other, none says nothing (RFC 6733 7.6).
  if ((base === undefined) === (vendor === undefined)) return undefined;
  if (base !== undefined) return { vendorId: 0, code: b.RESULT_CODE.type.decode(base.data) };
  const members = b.EXPERIMENTAL_RESULT.type.decode(vendor?.data ?? Buffer.alloc(0));
  const member = (definition: { code: number }): number =>
    members.find((avp) => is(avp, definition))?.data.readUInt32BE() ?? 0;
  return { vendorId: member(b.VENDOR_ID), code: member(b.EXPERIMENTAL_RESULT_CODE) };
}

export function isSuccess(result: { vendorId: number; code: number } | undefined): boolean {
  return result?.vendorId === 0 && result.code === RESULT.SUCCESS;
}
