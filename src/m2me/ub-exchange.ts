import { equalBytes, GbaError, type Random, type SecretKey, toHex } from '../base/index.ts';
import {
  buildAuthorization,
  type Challenge,
  computeResponse,
  computeRspauth,
  type DigestCredentials,
  parseAkaNonce,
  parseAuthenticationInfo,
  parseChallenge,
} from '../digest/index.ts';
import { parseBtid } from '../gba/index.ts';
import { parseBootstrappingInfo } from '../http/index.ts';

/** The messages of Ub as the UE sees them (TS 24.109 4.2, annex A): pure, no key is kept here. */

const URI = '/';
const NC = '00000001';
const CNONCE_LENGTH = 16;

/** What one answer needs: header values as received. */
export interface UbAnswer {
  status: number;
  body: Uint8Array;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A challenge that the UE may answer: AKAv1-MD5, auth-int, realm = the BSF it meant. */
export interface UbChallenge {
  realm: string;
  nonce: string;
  opaque: string | undefined;
  rand: Buffer;
  autn: Buffer;
}

/** The first request already names the identity (TS 24.109 A.3). */
export function firstAuthorization(username: string, bsf: string): string {
  return buildAuthorization({ username, realm: bsf, nonce: '', uri: URI, response: '' });
}

/** Throws `ub-challenge-invalid`, `ub-algorithm-unsupported`, `ub-qop-refused` (downgrade) or `ub-realm-mismatch`. */
export function readChallenge(answer: UbAnswer, bsf: string): UbChallenge {
  const challenge = challengeOf(answer);
  if (challenge.algorithm !== 'AKAv1-MD5') {
    throw new GbaError('ub-algorithm-unsupported', 'the BSF does not offer AKAv1-MD5');
  }
  if (challenge.qop?.includes('auth-int') !== true) {
    throw new GbaError('ub-qop-refused', 'the BSF does not offer auth-int');
  }
  if (challenge.realm.toLowerCase() !== bsf.toLowerCase()) {
    throw new GbaError('ub-realm-mismatch', 'the challenge is not for the BSF that was asked');
  }
  const { rand, autn } = parseAkaNonce(challenge.nonce);
  return { realm: challenge.realm, nonce: challenge.nonce, opaque: challenge.opaque, rand, autn };
}

function challengeOf(answer: UbAnswer): Challenge {
  const header = headerOf(answer, 'www-authenticate');
  if (answer.status !== 401 || header === undefined) {
    throw new GbaError('ub-challenge-invalid', `the BSF answered ${answer.status} without a challenge`);
  }
  return parseChallenge(header);
}

export interface UbProof {
  authorization: string;
  cnonce: string;
}

/** Message 3: RES octets are the password; for a resynchronisation it is empty and `auts` goes along (RFC 3310 3.4). */
export function answerChallenge(
  challenge: UbChallenge,
  username: string,
  proof: { res: SecretKey } | { auts: Buffer },
  random: Random,
): UbProof {
  const cnonce = toHex(random.bytes(CNONCE_LENGTH));
  const password = 'res' in proof ? proof.res.bytes() : Buffer.alloc(0);
  const response = computeResponse({ ...hashed(challenge, username, cnonce), password, method: 'GET' });
  const credentials: DigestCredentials = {
    username,
    realm: challenge.realm,
    nonce: challenge.nonce,
    uri: URI,
    qop: 'auth-int',
    nc: NC,
    cnonce,
    response,
    algorithm: 'AKAv1-MD5',
    ...(challenge.opaque === undefined ? {} : { opaque: challenge.opaque }),
    ...('auts' in proof ? { auts: proof.auts } : {}),
  };
  return { authorization: buildAuthorization(credentials), cnonce };
}

function hashed(challenge: UbChallenge, username: string, cnonce: string) {
  const { realm, nonce } = challenge;
  return { algorithm: 'AKAv1-MD5', username, realm, nonce, uri: URI, qop: 'auth-int', nc: NC, cnonce };
}

/**
 * Message 4. rspauth over the body is checked before anything in the body is read: `ub-rspauth-invalid`. The B-TID must
 * hold this run's RAND and this BSF: `ub-btid-mismatch`. Returns the B-TID and its end, ms by our clock.
 */
export function readSuccess(
  answer: UbAnswer,
  run: { challenge: UbChallenge; username: string; cnonce: string; res: SecretKey; bsf: string; now: number },
): { btid: string; expiresAt: number } {
  if (answer.status !== 200) throw new GbaError('ub-refused', `the BSF answered ${answer.status}`);
  checkRspauth(answer, run);
  const info = parseBootstrappingInfo(answer.body);
  const { rand, bsf } = parseBtid(info.btid);
  if (!equalBytes(rand, run.challenge.rand) || bsf !== run.bsf.toLowerCase()) {
    throw new GbaError('ub-btid-mismatch', 'the B-TID is not of this run');
  }
  // The Date header is not covered by rspauth, so it may not stretch a lifetime.
  const bsfNow = info.currentTime ?? run.now;
  if (info.lifetime <= bsfNow) throw new GbaError('ub-refused', 'the BSF gave a key that has ended');
  return { btid: info.btid, expiresAt: run.now + (info.lifetime - bsfNow) };
}

function checkRspauth(
  answer: UbAnswer,
  { challenge, username, cnonce, res }: { challenge: UbChallenge; username: string; cnonce: string; res: SecretKey },
): void {
  const header = headerOf(answer, 'authentication-info');
  const info = header === undefined ? {} : parseAuthenticationInfo(header);
  const expected = computeRspauth({
    ...hashed(challenge, username, cnonce),
    password: res.bytes(),
    body: answer.body,
  });
  const echoed =
    (info.cnonce ?? cnonce) === cnonce && (info.nc ?? NC) === NC && (info.qop ?? 'auth-int') === 'auth-int';
  if (!echoed || info.rspauth === undefined || !equalBytes(Buffer.from(info.rspauth), Buffer.from(expected))) {
    throw new GbaError('ub-rspauth-invalid', 'the BSF did not prove that it knows RES');
  }
}

export function headerOf(answer: UbAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
