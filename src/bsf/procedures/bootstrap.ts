import { equalBytes, fromHex, SecretKey } from '../../base/index.ts';
import { buildAuthenticationInfo, computeResponse, computeRspauth } from '../../digest/index.ts';
import { deriveTmpi, makeBtid } from '../../gba/index.ts';
import { buildBootstrappingInfo } from '../../http/index.ts';
import type { ChallengeKeys, ChallengeRecord } from '../records.ts';
import type { UbAnswer } from './read-request.ts';

const NO_OCTETS = Buffer.alloc(0);
/** H(""): a Ub request has no body (RFC 7616 3.4.3). */
const NO_BODY_HASH = 'd41d8cd98f00b204e9800998ecf8427e';

/** What an answer is worth: RES proven, a resynchronisation request, or nothing. */
export type Verdict = 'proven' | 'resynchronise' | 'wrong';

/** Judges message 3 by its digest (RFC 3310 3.3, 3.4). With `auts` the password is empty: it proves nothing of the UE. */
export function judgeAnswer(answer: UbAnswer, xres: Buffer): Verdict {
  const expected = computeResponse({
    algorithm: 'AKAv1-MD5',
    username: answer.username,
    realm: answer.realm,
    password: answer.auts === undefined ? xres : NO_OCTETS,
    method: 'GET',
    uri: answer.uri,
    nonce: answer.nonce,
    qop: 'auth-int',
    nc: '00000001',
    cnonce: answer.cnonce,
    bodyHash: NO_BODY_HASH,
  });
  if (!equalBytes(Buffer.from(expected, 'latin1'), Buffer.from(answer.response, 'latin1'))) return 'wrong';
  return answer.auts === undefined ? 'proven' : 'resynchronise';
}

export interface Bootstrapped {
  btid: string;
  ks: SecretKey;
  tmpi: string | undefined;
  createdAt: number;
  keyExpiry: number;
  /** The 200 answer. */
  body: Buffer;
  authenticationInfo: string;
}

/** Message 4 after a proven answer: Ks = CK || IK, B-TID, TMPI, body and rspauth over it. Times in ms, expiry in whole seconds. */
export function makeContext(
  rand: string,
  challenge: ChallengeRecord,
  keys: ChallengeKeys,
  answer: UbAnswer,
  bsf: string,
  now: number,
): Bootstrapped {
  const randOctets = fromHex(rand);
  const btid = makeBtid(randOctets, bsf);
  const ks = SecretKey.copyOf(keys.ckIk);
  const keyExpiry = Math.floor(now / 1000) * 1000 + challenge.lifetimeSeconds * 1000;
  const body = buildBootstrappingInfo({ btid, lifetime: keyExpiry });
  const rspauth = computeRspauth({
    algorithm: 'AKAv1-MD5',
    username: answer.username,
    realm: answer.realm,
    password: keys.xres,
    uri: answer.uri,
    nonce: answer.nonce,
    qop: 'auth-int',
    nc: '00000001',
    cnonce: answer.cnonce,
    body,
  });
  return {
    btid,
    ks,
    tmpi: challenge.tmpi ? deriveTmpi({ ks, rand: randOctets, impi: challenge.impi, bsf }) : undefined,
    createdAt: now,
    keyExpiry,
    body,
    authenticationInfo: buildAuthenticationInfo({ qop: 'auth-int', rspauth, cnonce: answer.cnonce, nc: '00000001' }),
  };
}
