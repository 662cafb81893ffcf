import { equalBytes, GbaError } from '../../base/index.ts';
import type { Signed, Validation } from '../../token/index.ts';

export interface ValidationExpectation {
  orderId: string;
  nonce: Buffer;
  m2meId: string;
  /** SHA-256 of the PVA's signing key, hexadecimal. */
  pvaKey: string;
  nowMs: number;
}

/** The PVA's result is the answer to our question, and fresh (step 5). Throws `validation-refused`. */
export function checkValidation(result: Signed<Validation>, expected: ValidationExpectation): void {
  const fits =
    result.signer.spkiSha256 === expected.pvaKey &&
    result.orderId === expected.orderId &&
    result.m2meId === expected.m2meId &&
    equalBytes(result.nonce, expected.nonce) &&
    result.notAfter >= expected.nowMs;
  if (!fits) throw new GbaError('validation-refused', 'the validation result is not the answer to our question');
}
