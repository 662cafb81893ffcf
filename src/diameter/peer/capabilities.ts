import { isIPv4 } from 'node:net';
import {
  ACCT_APPLICATION_ID,
  AUTH_APPLICATION_ID,
  type Avp,
  getAll,
  HOST_IP_ADDRESS,
  type Identity,
  make,
  ORIGIN_STATE_ID,
  originOf,
  PRODUCT_NAME,
  RELAY_APPLICATION,
  SUPPORTED_VENDOR_ID,
  VENDOR_3GPP,
  VENDOR_ID,
  VENDOR_SPECIFIC_APPLICATION_ID,
} from '../codec/index.ts';

/** What this node says of itself. */
export interface LocalNode extends Identity {
  applications: readonly number[];
  /** Rises with each restart (RFC 6733 8.16). */
  originStateId: number;
}

const PRODUCT = 'gba-authz';

/** The AVPs of our CER and CEA on a connection with this local address (RFC 6733 5.3.1). */
export function capabilitiesOf(local: LocalNode, address: string): Avp[] {
  return [
    ...originOf(local),
    make(HOST_IP_ADDRESS, addressOf(address)),
    // 0: no vendor number of our own.
    make(VENDOR_ID, 0),
    make(PRODUCT_NAME, PRODUCT),
    make(ORIGIN_STATE_ID, local.originStateId),
    make(SUPPORTED_VENDOR_ID, VENDOR_3GPP),
    ...local.applications.map((application) => applicationAvp(application)),
  ];
}

export function applicationAvp(application: number): Avp {
  return make(VENDOR_SPECIFIC_APPLICATION_ID, [make(VENDOR_ID, VENDOR_3GPP), make(AUTH_APPLICATION_ID, application)]);
}

function addressOf(text: string): { family: number; address: Buffer } {
  // A dual-stack socket shows IPv4 as ::ffff:a.b.c.d.
  const plain = text.replace(/^::ffff:/i, '').replace(/%.*$/, '');
  if (isIPv4(plain)) return { family: 1, address: Buffer.from(plain.split('.').map(Number)) };
  const [head = '', tail = ''] = plain.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const gap = Array.from({ length: Math.max(0, 8 - words(head).length - words(tail).length) }, () => 0);
  const all = [...words(head), ...gap, ...words(tail)].slice(0, 8);
  const address = Buffer.alloc(16);
  for (const [i, word] of all.entries()) address.writeUInt16BE(word & 0xffff, 2 * i);
  return { family: 2, address };
}

/**
 * Applications that both sides have, whatever AVP or vendor they were announced with; a relay has all of ours (RFC 6733
 * 5.3, 2.4).
 */
export function commonApplications(local: LocalNode, avps: readonly Avp[]): number[] {
  const nested = getAll(avps, VENDOR_SPECIFIC_APPLICATION_ID);
  const theirs = new Set(
    [avps, ...nested].flatMap((list) => [...getAll(list, AUTH_APPLICATION_ID), ...getAll(list, ACCT_APPLICATION_ID)]),
  );
  if (theirs.has(RELAY_APPLICATION)) return [...local.applications];
  return local.applications.filter((application) => theirs.has(application));
}

/** Both sides have connected: the one with the higher identity keeps the connection it accepted (RFC 6733 5.6.4). */
export function winsElection(local: string, peer: string): boolean {
  return Buffer.compare(Buffer.from(local.toLowerCase()), Buffer.from(peer.toLowerCase())) > 0;
}

export const sameHost = (a: string | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase();
