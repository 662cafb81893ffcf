import { systemRandom } from '../../src/base/index.ts';
import { generateKeyPair, issueCertificate, type Signer } from '../../src/x509/index.ts';

const DAY = 86_400_000;
export const ISSUED_AT = Date.parse('2026-01-01T00:00:00Z');

/** A self-signed authority, valid from ISSUED_AT for ten years. */
export async function makeAuthority(subject: string): Promise<Signer> {
  const { privateKey, publicKey } = generateKeyPair();
  const certificate = await issueCertificate({
    subject,
    publicKey,
    issuer: { selfSigned: privateKey },
    ca: true,
    notBefore: ISSUED_AT,
    notAfter: ISSUED_AT + 3650 * DAY,
    serial: systemRandom.bytes(16),
  });
  return { key: privateKey, certificate };
}

/** A key with a certificate of `authority`. */
export async function makeSigner(
  subject: string,
  authority: Signer,
  usage: 'tls' | 'sign' | 'encrypt' = 'sign',
): Promise<Signer> {
  const { privateKey, publicKey } = generateKeyPair();
  const certificate = await issueCertificate({
    subject,
    names: [subject],
    publicKey,
    issuer: authority,
    usage,
    notBefore: ISSUED_AT,
    notAfter: ISSUED_AT + 3650 * DAY,
    serial: systemRandom.bytes(16),
  });
  return { key: privateKey, certificate };
}
