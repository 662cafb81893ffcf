import { createHmac } from 'node:crypto';
import { GbaError, SecretKey } from '../base/index.ts';

/** FC of every derivation in TS 33.220 (B.3 to B.6). */
export const FC_GBA = 0x01;

/**
 * The KDF's input S = FC || P0 || L0 || ... || Pn || Ln (TS 33.220 B.2.0); Li is 16 bits. `fc` is one octet, or FF xx
 * as 0xffxx. Throws `kdf-input-invalid`.
 */
export function kdfInput(fc: number, params: readonly Uint8Array[]): Buffer {
  const oneOctet = fc >= 0 && fc < 0xff;
  const twoOctets = fc >= 0xff00 && fc <= 0xffff;
  if (!Number.isInteger(fc) || !(oneOctet || twoOctets)) throw new GbaError('kdf-input-invalid', 'FC out of range');
  const head = oneOctet ? 1 : 2;
  let size = head;
  for (const param of params) {
    if (param.length > 0xffff) throw new GbaError('kdf-input-invalid', 'a KDF parameter is over 65535 octets');
    size += param.length + 2;
  }
  const s = Buffer.allocUnsafe(size);
  s.writeUIntBE(fc, 0, head);
  let offset = head;
  for (const param of params) {
    s.set(param, offset);
    offset = s.writeUInt16BE(param.length, offset + param.length);
  }
  return s;
}

/** HMAC-SHA-256(key, S), 32 octets (TS 33.220 B.2.0). */
export function kdf(key: SecretKey, fc: number, params: readonly Uint8Array[]): SecretKey {
  return SecretKey.adopt(createHmac('sha256', key.bytes()).update(kdfInput(fc, params)).digest());
}

/** A character string as KDF parameter: NFKC, then UTF-8 (TS 33.220 B.2.1.2). Throws `kdf-input-invalid`. */
export function kdfText(text: string): Buffer {
  // A lone surrogate would become U+FFFD, so that two identities would share one key.
  if (/\p{Surrogate}/u.test(text)) throw new GbaError('kdf-input-invalid', 'text is not well-formed Unicode');
  return Buffer.from(text.normalize('NFKC'), 'utf8');
}
