import { GbaError } from '../base/index.ts';
import { isHostName } from './host-name.ts';
import { SUITES } from './suites.ts';

/** Ua security protocol identifier, 5 octets (TS 33.220 annex H). */
export type UaId = Buffer;

/** Subscriber certificates (TS 33.221): the PKI portal has keys of its own (TS 33.220 H.3). */
export const UA_PKI_PORTAL: UaId = Buffer.from('0100000000', 'hex');
/** HTTP Digest outside TLS (TS 33.220 H.3, TS 24.109). */
export const UA_HTTP_DIGEST: UaId = Buffer.from('0100000002', 'hex');
/** Shared-key TLS 1.3 (TS 33.220 H.3, TS 33.222 5.4.0.2). */
export const UA_PSK_TLS13: UaId = Buffer.from('0100000007', 'hex');
/** Private range (TS 33.220 H.2): keys of the authorization token and of the RO, never used for Ua itself. */
export const UA_TOKEN: UaId = Buffer.from('ff00000001', 'hex');
/** Input of TMPI generation only (TS 33.220 B.4, H.3). */
export const UA_TMPI: UaId = Buffer.from('0100000100', 'hex');

/**
 * Ua identifier 01 00 01 yy zz of the TLS connection that carries the Digest (TS 33.220 H.3), from the suite's standard
 * name (`tlsSocket.getCipher().standardName`). Throws `cipher-suite-unknown`: guessing would give another key.
 */
export function uaIdOfCipherSuite(standardName: string): UaId {
  const code = Object.hasOwn(SUITES, standardName) ? SUITES[standardName] : undefined;
  if (code === undefined) throw new GbaError('cipher-suite-unknown', 'no code known for this cipher suite');
  return Buffer.from([1, 0, 1, code >> 8, code & 0xff]);
}

/**
 * NAF_Id = FQDN || Ua identifier (TS 33.220 B.3, H.1). The FQDN is taken in one canonical form only: lower case, no
 * port, no trailing dot. Throws `naf-id-invalid`.
 */
export function nafId(fqdn: string, uaId: Uint8Array): Buffer {
  if (!isHostName(fqdn) || fqdn !== fqdn.toLowerCase()) {
    throw new GbaError('naf-id-invalid', 'the NAF name is not a lower-case host name without port');
  }
  if (uaId.length !== 5) throw new GbaError('naf-id-invalid', 'a Ua security protocol identifier has 5 octets');
  return Buffer.concat([Buffer.from(fqdn, 'ascii'), uaId]);
}
