import { malformed, Octets } from './octets.ts';
import type { PskSuite } from './suites.ts';

/** The suite that a server chose in TLS 1.2: nothing of the answer but it counts here (RFC 5246 7.4.1.3). */
export function suiteOfServerHello(body: Buffer): number {
  const reader = new Octets(body);
  reader.take(2 + 32);
  reader.vector(1, 0, 32);
  return reader.number(2);
}

/** Longest identity that the TLS library passes on. */
export const MAX_IDENTITY = 256;

/** The identity in a ClientKeyExchange (RFC 4279 2 and 3, RFC 5489 2). Throws `tls-malformed`. */
export function identityOfKeyExchange(body: Buffer, { exchange }: Pick<PskSuite, 'exchange'>): Buffer {
  const reader = new Octets(body);
  const identity = reader.vector(2, 0, 0xffff);
  if (identity.length > MAX_IDENTITY) throw malformed('the identity is too long');
  if (exchange === 'DHE_PSK') reader.vector(2, 1, 0xffff);
  if (exchange === 'ECDHE_PSK') reader.vector(1, 1, 0xff);
  reader.end();
  return identity;
}
