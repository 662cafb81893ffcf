import { GbaError } from '../../base/index.ts';
import type { Claims } from '../../token/index.ts';

export interface TokenExpectation {
  m2meId: string;
  shoId: string;
  /** SHA-256 of our signing keys. */
  keyHashes: readonly Buffer[];
  roId: string;
  nowMs: number;
  /** How far clocks may differ, milliseconds. */
  skewMs: number;
}

/**
 * What a new SHO can check of a token without knowing who issued it (step 1): that it is for this machine, for us and one of
 * our keys, by the RO we use, and not over. Each refusal has its own code.
 */
export function checkOrderedToken(claims: Claims, expected: TokenExpectation): void {
  const refuse = (code: string, message: string): never => {
    throw new GbaError(code, message);
  };
  if (claims.m2meId !== expected.m2meId) refuse('token-wrong-machine', 'the token is for another machine');
  if (claims.newSho.id !== expected.shoId) refuse('token-wrong-audience', 'the token is for another operator');
  const ours = claims.newSho.keyHashes.some((hash) => expected.keyHashes.some((own) => own.equals(hash)));
  if (!ours) refuse('token-key-unknown', 'the token names none of our signing keys');
  if (claims.roId !== expected.roId) refuse('token-wrong-ro', 'the token names another registration operator');
  if (!claims.permissions.install) refuse('token-install-not-permitted', 'the token does not permit an installation');
  if (expected.nowMs < claims.notBefore - expected.skewMs) refuse('token-not-yet-valid', 'the token is not valid yet');
  if (expected.nowMs > claims.notAfter) refuse('token-expired', 'the token has expired');
}
