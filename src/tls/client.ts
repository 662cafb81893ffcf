import { type ConnectionOptions, checkServerIdentity, type TLSSocket } from 'node:tls';
import type { SecretKey } from '../base/index.ts';
import { UA_PSK_TLS13, uaIdOfCipherSuite } from '../gba/index.ts';
import { hintNames, makeIdentity } from './identity.ts';
import { PSK_SUITES, TLS13_SUITES } from './suites.ts';

/** The keys with which a UE makes a PSK connection to one NAF; not erased while it may connect. */
export interface PskOffer {
  btid: string;
  /** Ks_(ext)_NAF for TLS 1.3, and for the one PSK suite that is offered in TLS 1.2. */
  tls13: SecretKey;
  tls12: SecretKey;
  /** A server that proves itself by certificate alone is taken too; the caller sees it by `pskUaIdOf`. */
  orCertificate: boolean;
}

/** The library asks for the key before it tells which suite was chosen, so one is offered: TLS_DHE_PSK_WITH_AES_128_GCM_SHA256. */
const SUITE = PSK_SUITES.filter(({ code }) => code === 0x00aa);
const CERTIFICATE_SUITES = ['ECDSA', 'RSA'].flatMap((signature) =>
  ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].map((rest) => `ECDHE-${signature}-${rest}`),
);

/** Ua security protocol identifiers of the keys in a `PskOffer`. */
export const PSK_OFFER_UA_IDS: { tls13: Buffer; tls12: Buffer } = {
  tls13: UA_PSK_TLS13,
  tls12: uaIdOfCipherSuite('TLS_DHE_PSK_WITH_AES_128_GCM_SHA256'),
};

/** Suites to offer; the names of the TLS library. */
export function pskCiphers({ orCertificate }: PskOffer): string {
  const certificates = orCertificate ? CERTIFICATE_SUITES : [];
  return [...TLS13_SUITES, ...SUITE.map(({ openssl }) => openssl), ...certificates].join(':');
}

/** What `tls.connect` has to know beside the suites. */
export function pskConnectOptions({ btid, tls13, tls12 }: PskOffer): ConnectionOptions {
  const identity = makeIdentity({ choice: 'me', btid });
  return {
    /** In TLS 1.3 there is no hint; in TLS 1.2 a NAF of GBA sends one (TS 24.109 5.3.3.1.2). */
    pskCallback(hint) {
      if (hint !== null && !hintNames(hint, 'me')) return null;
      return { identity, psk: (hint === null ? tls13 : tls12).bytes() };
    },
    /** With a key instead of a certificate there is no name to check: the key is for this NAF alone. */
    checkServerIdentity: (host, certificate) =>
      Object.keys(certificate).length === 0 ? undefined : checkServerIdentity(host, certificate),
  };
}

/**
 * By which key of an offer this client's connection was made; undefined when the server proved itself by certificate. Only for
 * clients that resume no sessions: in TLS 1.3 the library does not tell an external key from a ticket.
 */
export function pskUaIdOf(socket: TLSSocket): Buffer | undefined {
  if (socket.getProtocol() === 'TLSv1.3') return socket.isSessionReused() ? UA_PSK_TLS13 : undefined;
  const suite = PSK_SUITES.find(({ name }) => name === socket.getCipher().standardName);
  return suite && uaIdOfCipherSuite(suite.name);
}

/** Alerts by which a server refuses a key (RFC 4279 2, RFC 8446 4.2.11): an unknown one, or one that is wrong. */
const REFUSING_ALERTS = [20, 40, 47, 51, 115];
/** A server that shows a certificate instead knows nothing of the key. */
const CERTIFICATE_SHOWN = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

export function isKeyRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // The code differs by whether the alert meets a read or a write; the library's text names the alert in both.
  const alert = /:SSL alert number (\d{1,3})\b/.exec(error.message)?.[1];
  if (alert !== undefined) return REFUSING_ALERTS.includes(Number(alert));
  return 'code' in error && CERTIFICATE_SHOWN.includes(String(error.code));
}
