import { GbaError } from '../base/index.ts';
import { knownAlgorithm } from './algorithms.ts';
import { type AuthParams, parseSchemes, quoted, token } from './auth-params.ts';

/** WWW-Authenticate: Digest (RFC 7616 3.3). Text unquoted; an absent `algorithm` means MD5. */
export interface Challenge {
  realm: string;
  nonce: string;
  algorithm?: string;
  /** The offered values, in lower case, known or not. */
  qop?: readonly string[];
  opaque?: string;
  stale?: boolean;
}

/**
 * The first Digest challenge whose algorithm is known here, else the first Digest challenge (RFC 7616 3.7); other
 * schemes are passed over. Throws `digest-malformed`.
 */
export function parseChallenge(header: string): Challenge {
  const digests = parseSchemes(header)
    .filter(({ scheme }) => scheme === 'digest')
    .map(({ params }) => readChallenge(params));
  const chosen = digests.find(({ algorithm }) => knownAlgorithm(algorithm ?? 'MD5') !== undefined) ?? digests[0];
  if (chosen === undefined) throw new GbaError('digest-malformed', 'digest header: no Digest challenge');
  return chosen;
}

/** Throws `digest-malformed` for text that a header cannot carry. */
export function buildChallenge(challenge: Challenge): string {
  const parts = [`realm=${quoted(challenge.realm)}`, `nonce=${quoted(challenge.nonce)}`];
  if (challenge.algorithm !== undefined) parts.push(`algorithm=${token(challenge.algorithm)}`);
  if (challenge.qop !== undefined) parts.push(`qop=${quoted(challenge.qop.join(','))}`);
  if (challenge.opaque !== undefined) parts.push(`opaque=${quoted(challenge.opaque)}`);
  if (challenge.stale !== undefined) parts.push(`stale=${challenge.stale}`);
  return `Digest ${parts.join(', ')}`;
}

function readChallenge(params: AuthParams): Challenge {
  const realm = params.get('realm');
  const nonce = params.get('nonce');
  if (realm === undefined || nonce === undefined) {
    throw new GbaError('digest-malformed', 'digest header: realm or nonce missing');
  }
  const algorithm = params.get('algorithm');
  const qop = params.get('qop');
  const opaque = params.get('opaque');
  const stale = params.get('stale');
  return {
    realm,
    nonce,
    ...(algorithm === undefined ? {} : { algorithm: knownAlgorithm(algorithm) ?? algorithm }),
    ...(qop === undefined ? {} : { qop: qopList(qop) }),
    ...(opaque === undefined ? {} : { opaque }),
    ...(stale === undefined ? {} : { stale: stale.toLowerCase() === 'true' }),
  };
}

function qopList(value: string): string[] {
  return value
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '');
}
