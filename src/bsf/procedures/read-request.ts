import { GbaError } from '../../base/index.ts';
import { type DigestCredentials, parseAuthorization } from '../../digest/index.ts';
import { TMPI_TOKEN } from '../../http/index.ts';

/** What the Ub endpoint looks at, and nothing else: Host is the client's own word and takes no part. */
export interface UbRequestParts {
  method: string;
  /** Request target as received, origin or absolute form. */
  target: string;
  authorization: readonly string[];
  userAgent: string;
  hasBody: boolean;
}

export interface UbAnswer extends DigestCredentials {
  cnonce: string;
}

/** Message 1, or message 3 (an answer to a challenge) of TS 24.109 4.2. */
export type UbRequest =
  | { kind: 'first'; username: string; tmpi: boolean }
  | { kind: 'answer'; username: string; tmpi: boolean; credentials: UbAnswer };

/** Octets of UTF-8. */
const USERNAME_LIMIT = 255;
const TARGET = /^(?:https?:\/\/[^/?#]*)?(\/[^?#]*)?(\?.*)?$/i;
/** The token as a product of its own: phones separate products with blanks and semicolons (TS 24.109 A.3). */
const product = (token: string): RegExp => new RegExp(`(?:^|[ ;/,])${token}(?:$|[ ;/,])`);
const TMPI = product(TMPI_TOKEN);
/** Who wants GBA_Digest says so by this token on Ub; `3gpp-gba-digest` is one of Ua that phones send here too. */
const GBA_DIGEST = product('GBA_Digest');

/** True when the peer's User-Agent or Server says that it uses TMPIs. */
export function showsTmpi(products: string): boolean {
  return TMPI.test(products);
}

/**
 * Checks the form of a Ub request; nothing here depends on who asks, so nothing tells known identities from unknown
 * ones. Throws `method-not-allowed`, `not-found`, `ub-body-refused`, `gba-digest-refused`, `authorization-missing`, `digest-malformed`,
 * `username-invalid`, `digest-uri-wrong`, `digest-realm-wrong`, `digest-algorithm-wrong`, `digest-qop-wrong`,
 * `digest-nc-wrong`, `digest-opaque-wrong`.
 */
export function readUbRequest(parts: UbRequestParts, realm: string, opaque: string): UbRequest {
  if (parts.method !== 'GET') throw new GbaError('method-not-allowed', 'only GET is used on Ub');
  if (!isRoot(parts.target)) throw new GbaError('not-found', 'no such resource');
  if (parts.hasBody) throw new GbaError('ub-body-refused', 'a Ub request has no body');
  // Such a UE has no card: it must be told, not challenged (TS 24.109 I.2).
  if (GBA_DIGEST.test(parts.userAgent)) throw new GbaError('gba-digest-refused', 'GBA_Digest is not served');
  const header = parts.authorization[0];
  if (header === undefined) {
    throw new GbaError('authorization-missing', 'Ub starts with an Authorization header that names the subscriber');
  }
  if (parts.authorization.length > 1) throw new GbaError('digest-malformed', 'more than one Authorization header');
  const credentials = parseAuthorization(header);
  const { username } = credentials;
  if (Buffer.byteLength(username) > USERNAME_LIMIT || !/^[^@\p{Cc}]+@[^@\p{Cc}]+$/u.test(username)) {
    throw new GbaError('username-invalid', 'the username is not an IMPI or TMPI (user@realm)');
  }
  if (!isRoot(credentials.uri)) throw new GbaError('digest-uri-wrong', 'digest uri is not the request target');
  const tmpi = showsTmpi(parts.userAgent);
  if (credentials.nonce === '') return { kind: 'first', username, tmpi };
  return { kind: 'answer', username, tmpi, credentials: checkAnswer(credentials, realm, opaque) };
}

function isRoot(target: string): boolean {
  const match = TARGET.exec(target);
  return match !== null && target !== '' && (match[1] ?? '/') === '/' && match[2] === undefined;
}

function checkAnswer(credentials: DigestCredentials, realm: string, opaque: string): UbAnswer {
  if (credentials.realm !== realm) throw new GbaError('digest-realm-wrong', 'realm is not the one of the challenge');
  if (credentials.algorithm !== 'AKAv1-MD5') throw new GbaError('digest-algorithm-wrong', 'algorithm is AKAv1-MD5');
  if (credentials.qop !== 'auth-int') throw new GbaError('digest-qop-wrong', 'qop is auth-int on Ub');
  // One nonce, one answer: RES is a one-time password.
  if (credentials.nc !== '00000001') throw new GbaError('digest-nc-wrong', 'nc is 00000001 on Ub');
  const { cnonce } = credentials;
  if (cnonce === undefined || cnonce === '') throw new GbaError('digest-malformed', 'cnonce is needed');
  if (credentials.opaque !== undefined && credentials.opaque !== opaque) {
    throw new GbaError('digest-opaque-wrong', 'opaque is not the one of the challenge');
  }
  return { ...credentials, cnonce };
}
