import { createHmac } from 'node:crypto';
import { assertBytes, fromBase64, GbaError } from '../base/index.ts';
import { algorithmOf } from './algorithms.ts';

/** The decoded nonce of Digest AKA; octets: rand 16, autn 16, serverData 0 or more. */
export interface AkaNonce {
  rand: Buffer;
  autn: Buffer;
  serverData: Buffer;
}

/** base64(RAND || AUTN || server data) (RFC 3310 3.2, TS 24.109 A.4). */
export function makeAkaNonce(rand: Uint8Array, autn: Uint8Array, serverData: Uint8Array = new Uint8Array(0)): string {
  assertBytes(rand, 16, 'RAND');
  assertBytes(autn, 16, 'AUTN');
  return Buffer.concat([rand, autn, serverData]).toString('base64');
}

/** By octets, not by characters; canonical base64 of 32 octets or more. Throws `digest-malformed`. */
export function parseAkaNonce(nonce: string): AkaNonce {
  let octets: Buffer;
  try {
    octets = fromBase64(nonce);
  } catch (cause) {
    throw new GbaError('digest-malformed', 'digest: the nonce is not canonical base64', { cause });
  }
  if (octets.length < 32) throw new GbaError('digest-malformed', 'digest: the nonce has no RAND and AUTN');
  return { rand: octets.subarray(0, 16), autn: octets.subarray(16, 32), serverData: octets.subarray(32) };
}

/** What Digest AKA makes its password from, octets as the card gives them. */
export interface AkaPasswordInput {
  res: Uint8Array;
  ik: Uint8Array;
  ck: Uint8Array;
}

/**
 * Password of AKAv2: base64 text of HMAC(RES || IK || CK, label) with the algorithm's hash, IK before CK (RFC 4169 3).
 * Throws `digest-algorithm-unsupported`.
 */
export function akaV2Password(keys: AkaPasswordInput, algorithm = 'AKAv2-MD5'): Buffer {
  const { hash } = algorithmOf(algorithm);
  const key = Buffer.concat([keys.res, keys.ik, keys.ck]);
  const text = createHmac(hash, key).update('http-digest-akav2-password').digest('base64');
  key.fill(0);
  return Buffer.from(text, 'ascii');
}

/** Password octets of any Digest AKA algorithm: RES itself in version 1 (RFC 3310 3.3). Throws as `akaV2Password`. */
export function akaPassword(algorithm: string, keys: AkaPasswordInput): Buffer {
  const { aka } = algorithmOf(algorithm);
  if (aka === undefined) throw new GbaError('digest-algorithm-unsupported', 'not a Digest AKA algorithm');
  return aka === 2 ? akaV2Password(keys, algorithm) : Buffer.from(keys.res);
}
