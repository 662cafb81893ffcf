import { fromBase64, GbaError } from '../base/index.ts';
import { knownAlgorithm } from './algorithms.ts';
import { type AuthParams, parseSchemes, quoted, token } from './auth-params.ts';

export type Qop = 'auth' | 'auth-int';

/**
 * Authorization: Digest (RFC 7616 3.4, RFC 3310 3.4). Text as received and unquoted; `response` is lower-case hex, empty
 * in the first request on Ub; `nc` 8 hex digits as received, because they are hashed; `auts` 14 octets.
 */
export interface DigestCredentials {
  username: string;
  realm: string;
  nonce: string;
  uri: string;
  response: string;
  algorithm?: string;
  qop?: Qop;
  nc?: string;
  cnonce?: string;
  opaque?: string;
  auts?: Buffer;
}

const NC = /^[0-9a-fA-F]{8}$/;
const RESPONSE = /^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{64})?$/;

const malformed = (why: string): GbaError => new GbaError('digest-malformed', `digest header: ${why}`);

/**
 * One Digest credential. Quoted and unquoted forms of algorithm, qop and nc are taken, and any order (what phones send,
 * TS 24.109 A.4); unknown parameters are ignored. Throws `digest-malformed`.
 */
export function parseAuthorization(header: string): DigestCredentials {
  const [credentials, ...more] = parseSchemes(header);
  if (credentials === undefined || more.length > 0 || credentials.scheme !== 'digest') {
    throw malformed('not one Digest credential');
  }
  const { params } = credentials;
  const nonce = needed(params, 'nonce');
  const response = needed(params, 'response');
  if (!RESPONSE.test(response)) throw malformed('response is not a hash in hexadecimal');
  const qop = readQop(params);
  const nc = readNc(params);
  const cnonce = params.get('cnonce');
  // With an empty nonce nothing has been answered yet, whatever a phone puts in beside its name.
  if (qop !== undefined && nonce !== '' && (nc === undefined || cnonce === undefined)) {
    throw malformed('qop without nc and cnonce');
  }
  const algorithm = params.get('algorithm');
  const opaque = params.get('opaque');
  const auts = readAuts(params);
  return {
    username: needed(params, 'username'),
    realm: needed(params, 'realm'),
    nonce,
    uri: needed(params, 'uri'),
    response: response.toLowerCase(),
    ...(algorithm === undefined ? {} : { algorithm: knownAlgorithm(algorithm) ?? algorithm }),
    ...(qop === undefined ? {} : { qop }),
    ...(nc === undefined ? {} : { nc }),
    ...(cnonce === undefined ? {} : { cnonce }),
    ...(opaque === undefined ? {} : { opaque }),
    ...(auts === undefined ? {} : { auts }),
  };
}

/** Quoted and bare as RFC 7616 3.4 and TS 24.109 A.4 print them. Throws `digest-malformed` for text no header carries. */
export function buildAuthorization(credentials: DigestCredentials): string {
  const { username, realm, nonce, uri, qop, nc, cnonce, response, opaque, algorithm, auts } = credentials;
  const parts = [
    `username=${quoted(username)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(uri)}`,
  ];
  if (qop !== undefined) parts.push(`qop=${token(qop)}`);
  if (nc !== undefined) parts.push(`nc=${token(nc)}`);
  if (cnonce !== undefined) parts.push(`cnonce=${quoted(cnonce)}`);
  parts.push(`response=${quoted(response)}`);
  if (opaque !== undefined) parts.push(`opaque=${quoted(opaque)}`);
  if (algorithm !== undefined) parts.push(`algorithm=${token(algorithm)}`);
  if (auts !== undefined) parts.push(`auts=${quoted(auts.toString('base64'))}`);
  return `Digest ${parts.join(', ')}`;
}

/** `qop` of credentials or Authentication-Info. Throws `digest-malformed` for other values. */
export function readQop(params: AuthParams): Qop | undefined {
  const qop = params.get('qop');
  if (qop !== undefined && qop !== 'auth' && qop !== 'auth-int') throw malformed('qop unknown');
  return qop;
}

/** `nc` of credentials or Authentication-Info. Throws `digest-malformed` when it is not 8 hexadecimal digits. */
export function readNc(params: AuthParams): string | undefined {
  const nc = params.get('nc');
  if (nc !== undefined && !NC.test(nc)) throw malformed('nc is not 8 hexadecimal digits');
  return nc;
}

function readAuts(params: AuthParams): Buffer | undefined {
  const text = params.get('auts');
  if (text === undefined) return undefined;
  let auts: Buffer;
  try {
    auts = fromBase64(text);
  } catch (cause) {
    throw new GbaError('digest-malformed', 'digest header: auts is not canonical base64', { cause });
  }
  if (auts.length !== 14) throw malformed('auts is not 14 octets');
  return auts;
}

function needed(params: AuthParams, name: string): string {
  const value = params.get(name);
  if (value === undefined) throw malformed(`${name} missing`);
  return value;
}
