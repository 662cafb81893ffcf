/**
 * A refusal by name. Final: it comes from the very operators that the token binds, and waiting cannot mend it, so the token
 * goes back. Not final: somebody else may have caused it, and a stranger must not be able to end a good release.
 */
export interface Refusal {
  ok: false;
  reason: string;
  final: boolean;
}

export const refuse = (reason: string, final = false): Refusal => ({ ok: false, reason, final });

/** Codes that a reader of octets throws and that are refusals by themselves; anything else is a fault of ours. */
export const READER_REFUSALS: readonly string[] = [
  'token-der-invalid',
  'token-version-unknown',
  'token-signature-invalid',
  'package-invalid',
  'package-recipient-wrong',
];
