import { fromBase64, fromHex, GbaError } from '../base/index.ts';
import { announcementOf, makeInstruction, openToken } from '../token/index.ts';
import type { Signer } from '../x509/index.ts';

/** Step 2: the owner announces exactly the claims of `token`, with their signatures if any, to the machine they name. */
export async function signInstruction(
  owner: Signer,
  token: Uint8Array,
  number: number,
  kind: 'change' | 'cancel' = 'change',
): Promise<Buffer> {
  const { claims, erase } = await openToken(token);
  erase();
  return await signAnnounced(owner, { m2meId: claims.m2meId, number, announced: announcementOf(token) }, kind);
}

/** The same from what a token announces, when the token itself is no longer kept. */
export function signAnnounced(
  owner: Signer,
  instruction: { m2meId: string; number: number; announced: Buffer },
  kind: 'change' | 'cancel' | 'sign',
): Promise<Buffer> {
  return makeInstruction({ ...instruction, kind }, owner);
}

/** Signed variant: the owner asks its machine to sign the claims (DER) that the old SHO composed. */
export function signingRequest(owner: Signer, m2meId: string, claims: Uint8Array, number: number): Promise<Buffer> {
  return signAnnounced(owner, { m2meId, number, announced: Buffer.from(claims) }, 'sign');
}

/** A token as text: base64 as the operator gave it, or hexadecimal. Throws `token-text-invalid`. */
export function tokenOfText(text: string): Buffer {
  const trimmed = text.trim();
  try {
    return /^[0-9a-f]+$/i.test(trimmed) ? fromHex(trimmed) : fromBase64(trimmed);
  } catch (cause) {
    throw new GbaError('token-text-invalid', 'the token is neither base64 nor hexadecimal', { cause });
  }
}
