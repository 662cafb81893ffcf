import { equalBytes, GbaError, type Random, toHex } from '../base/index.ts';
import {
  buildAuthorization,
  computeResponse,
  computeRspauth,
  parseAuthenticationInfo,
  parseChallenge,
  type Qop,
} from '../digest/index.ts';
import type { NafKey } from './tre/index.ts';

/** HTTP Digest on Ua as the UE sees it (TS 24.109 5.2): pure. */

const REALM_PREFIX = '3GPP-bootstrapping@';
const CNONCE_LENGTH = 16;
const ALGORITHMS = ['MD5', 'SHA-256'];

/** A challenge that this UE may answer with Ks_(ext)_NAF. */
export interface UaChallenge {
  realm: string;
  nonce: string;
  algorithm: string;
  qop: Qop;
  opaque: string | undefined;
  stale: boolean;
}

/**
 * The NAF's challenge. The realm must name the server that the connection was made to (TS 33.222 5.3.0 step 4):
 * `ua-realm-mismatch`. Without qop there would be no rspauth: `ua-challenge-invalid`.
 */
export function readUaChallenge(header: string | undefined, fqdn: string): UaChallenge {
  if (header === undefined) throw new GbaError('ua-challenge-invalid', `${fqdn} asks for nothing we know`);
  const challenge = parseChallenge(header);
  const realm = challenge.realm.split(';').find((one) => one.startsWith(REALM_PREFIX));
  if (realm !== `${REALM_PREFIX}${fqdn}`) {
    throw new GbaError('ua-realm-mismatch', `the challenge is not for ${fqdn}`);
  }
  const algorithm = challenge.algorithm ?? 'MD5';
  const qop = challenge.qop?.includes('auth-int') === true ? 'auth-int' : challenge.qop?.find((one) => one === 'auth');
  if (qop === undefined || !ALGORITHMS.includes(algorithm)) {
    throw new GbaError('ua-challenge-invalid', 'the challenge offers no quality of protection or algorithm we take');
  }
  return { realm, nonce: challenge.nonce, algorithm, qop, opaque: challenge.opaque, stale: challenge.stale === true };
}

export interface UaRequest {
  method: string;
  path: string;
  body: Uint8Array;
}

export interface Proof {
  authorization: string;
  /** True when the answer's Authentication-Info proves the key over `body`. */
  provedBy(info: string | undefined, body: Uint8Array): boolean;
}

/** Authorization for one request: username B-TID, password base64(Ks_NAF), `nc` counted by the caller from 1. */
export function proveUa(challenge: UaChallenge, key: NafKey, nc: number, request: UaRequest, random: Random): Proof {
  const cnonce = toHex(random.bytes(CNONCE_LENGTH));
  const count = nc.toString(16).padStart(8, '0');
  const { realm, nonce, algorithm, qop, opaque } = challenge;
  const fields = { username: key.btid, realm, nonce, uri: request.path, qop, nc: count, cnonce, algorithm };
  const password = Buffer.from(key.ksNaf.bytes().toString('base64'), 'ascii');
  const response = computeResponse({ ...fields, password, method: request.method, body: request.body });
  return {
    authorization: buildAuthorization({ ...fields, response, ...(opaque === undefined ? {} : { opaque }) }),
    provedBy(header, body) {
      const info = header === undefined ? {} : parseAuthenticationInfo(header);
      const expected = computeRspauth({ ...fields, password, body });
      const echoed = (info.cnonce ?? cnonce) === cnonce && (info.nc ?? count) === count && (info.qop ?? qop) === qop;
      return echoed && info.rspauth !== undefined && equalBytes(Buffer.from(info.rspauth), Buffer.from(expected));
    },
  };
}
