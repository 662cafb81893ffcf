import { UA_PSK_TLS13, uaIdOfCipherSuite } from '../gba/index.ts';

/** A cipher suite of TLS 1.2 that works with a pre-shared key. */
export interface PskSuite {
  code: number;
  /** IANA name. */
  name: string;
  /** As the TLS library calls it. */
  openssl: string;
  exchange: 'PSK' | 'DHE_PSK' | 'ECDHE_PSK';
}

/**
 * PSK suites of TLS 1.2 that are served, the best first: AEAD with forward secrecy (TS 33.210 6.2). NULL, RC4, 3DES and CBC are
 * not among them; ECDHE_PSK with GCM (D0 01, D0 02) is not in the TLS library.
 */
export const PSK_SUITES: readonly PskSuite[] = [
  suite(0xccac, 'TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-PSK-CHACHA20-POLY1305', 'ECDHE_PSK'),
  suite(0x00aa, 'TLS_DHE_PSK_WITH_AES_128_GCM_SHA256', 'DHE-PSK-AES128-GCM-SHA256', 'DHE_PSK'),
  suite(0x00ab, 'TLS_DHE_PSK_WITH_AES_256_GCM_SHA384', 'DHE-PSK-AES256-GCM-SHA384', 'DHE_PSK'),
  suite(0xccad, 'TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256', 'DHE-PSK-CHACHA20-POLY1305', 'DHE_PSK'),
];

/** Without forward secrecy, for old peers: served only where the configuration asks for them. */
export const PLAIN_PSK_SUITES: readonly PskSuite[] = [
  suite(0x00a8, 'TLS_PSK_WITH_AES_128_GCM_SHA256', 'PSK-AES128-GCM-SHA256', 'PSK'),
  suite(0x00a9, 'TLS_PSK_WITH_AES_256_GCM_SHA384', 'PSK-AES256-GCM-SHA384', 'PSK'),
];

function suite(code: number, name: string, openssl: string, exchange: PskSuite['exchange']): PskSuite {
  return { code, name, openssl, exchange };
}

/** Is this the Ua security protocol identifier of a PSK connection, and of nothing else (TS 33.220 H.3)? */
export function isPskUaId(uaId: Buffer): boolean {
  if (uaId.equals(UA_PSK_TLS13)) return true;
  return [...PSK_SUITES, ...PLAIN_PSK_SUITES].some(({ name }) => uaId.equals(uaIdOfCipherSuite(name)));
}

/** The external PSK has SHA-256 as its hash (RFC 8446 4.2.11); the last suite serves clients whose key is not known. */
export const TLS13_SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_256_GCM_SHA384'];
/** Codes of those that an external PSK can go with. */
export const TLS13_PSK_CODES: readonly number[] = [0x1301, 0x1303];
