import { GbaError } from '../base/index.ts';

interface Algorithm {
  /** Name in node:crypto. */
  hash: string;
  /** A1 also covers nonce and cnonce (RFC 7616 3.4.2). */
  session: boolean;
  /** Digest AKA version, where RES is the password (RFC 3310, RFC 4169). */
  aka?: 1 | 2;
}

/** `algorithm` tokens of RFC 7616 3.3, RFC 3310 3.1, RFC 4169 3; AKA with SHA-256 is formed by the same grammar. */
const ALGORITHMS = {
  MD5: { hash: 'md5', session: false },
  'MD5-sess': { hash: 'md5', session: true },
  'SHA-256': { hash: 'sha256', session: false },
  'SHA-256-sess': { hash: 'sha256', session: true },
  'SHA-512-256': { hash: 'sha512-256', session: false },
  'SHA-512-256-sess': { hash: 'sha512-256', session: true },
  'AKAv1-MD5': { hash: 'md5', session: false, aka: 1 },
  'AKAv1-MD5-sess': { hash: 'md5', session: true, aka: 1 },
  'AKAv1-SHA-256': { hash: 'sha256', session: false, aka: 1 },
  'AKAv2-MD5': { hash: 'md5', session: false, aka: 2 },
  'AKAv2-MD5-sess': { hash: 'md5', session: true, aka: 2 },
  'AKAv2-SHA-256': { hash: 'sha256', session: false, aka: 2 },
} as const satisfies Record<string, Algorithm>;

export type DigestAlgorithm = keyof typeof ALGORITHMS;

const BY_NAME = new Map(Object.keys(ALGORITHMS).map((name) => [name.toLowerCase(), name as DigestAlgorithm]));

/** The registered spelling of an algorithm token, whatever its case; undefined when it is not known here. */
export function knownAlgorithm(token: string): DigestAlgorithm | undefined {
  return BY_NAME.get(token.toLowerCase());
}

/** Throws `digest-algorithm-unsupported`. */
export function algorithmOf(token: string): Algorithm {
  const name = knownAlgorithm(token);
  if (name === undefined) throw new GbaError('digest-algorithm-unsupported', 'digest algorithm not supported');
  return ALGORITHMS[name];
}
