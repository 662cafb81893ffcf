import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { GbaError, remembered } from '../base/index.ts';

/** A P-256 private key with the certificate of its public key. */
export interface Signer {
  key: KeyObject;
  certificate: Buffer;
}

/**
 * What is read of a certificate, for reading only: one object serves all who read the same octets. `subject` is the CN,
 * `names` the SAN dNSName entries; times in milliseconds.
 */
export interface Certificate {
  readonly der: Buffer;
  readonly subject: string;
  readonly names: readonly string[];
  /** Lower-case hexadecimal SHA-256 of the SubjectPublicKeyInfo. */
  readonly spkiSha256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
}

export function generateKeyPair(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

const spkiHashes = new WeakMap<KeyObject, Buffer>();

/** SHA-256 of the SubjectPublicKeyInfo of a public or private key, 32 octets. */
export function spkiSha256(key: KeyObject): Buffer {
  const known = spkiHashes.get(key);
  if (known !== undefined) return Buffer.from(known);
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const hash = createHash('sha256').update(spki).digest();
  spkiHashes.set(key, hash);
  return Buffer.from(hash);
}

/** Certificates by their own octets: the few that a party meets stand in every message that it reads. */
const certificates = remembered<Certificate>(256);
const MAX_REMEMBERED = 8_192;

/** A certificate from DER or PEM; throws `certificate-invalid`. */
export function readCertificate(input: Uint8Array | string): Certificate {
  const name = typeof input === 'string' ? input : Buffer.from(input).toString('latin1');
  const known = certificates.get(name);
  if (known !== undefined) return known;
  const certificate = parseCertificate(input);
  if (name.length > MAX_REMEMBERED) return certificate;
  certificates.put(name, certificate);
  return certificate;
}

const platformForms = new WeakMap<Certificate, X509Certificate>();

/** The platform's own form of it. */
function platformForm(certificate: Certificate): X509Certificate {
  const known = platformForms.get(certificate) ?? new X509Certificate(certificate.der);
  platformForms.set(certificate, known);
  return known;
}

function parseCertificate(input: Uint8Array | string): Certificate {
  try {
    const parsed = new X509Certificate(input);
    // The platform passes over whatever follows the DER.
    if (typeof input !== 'string' && input[0] === 0x30 && !parsed.raw.equals(input)) {
      throw new GbaError('certificate-invalid', 'octets after the certificate');
    }
    const { publicKey } = parsed;
    return {
      der: parsed.raw,
      subject: /(?:^|\n)CN=([^\n]+)/.exec(parsed.subject)?.[1] ?? '',
      names: (parsed.subjectAltName ?? '')
        .split(', ')
        .flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4)] : [])),
      spkiSha256: spkiSha256(publicKey).toString('hex'),
      notBefore: timeOf(parsed.validFrom),
      notAfter: timeOf(parsed.validTo),
      publicKey,
    };
  } catch (cause) {
    throw new GbaError('certificate-invalid', 'not an X.509 certificate with a usable key', { cause });
  }
}

/** What is no time must not become NaN: every comparison with that is false, and the certificate would never end. */
function timeOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new GbaError('certificate-invalid', 'the validity of a certificate is no time');
  return ms;
}

/**
 * `certificate` was issued by the CA `issuer` and both are within their validity at `atMs` (one level: the profile of this
 * product has no intermediates). Throws `certificate-untrusted`, `certificate-not-yet-valid`, `certificate-expired`.
 */
export function verifyChain(certificate: Certificate, issuer: Certificate, atMs: number): void {
  const leaf = platformForm(certificate);
  const ca = platformForm(issuer);
  if (!ca.ca || !leaf.checkIssued(ca) || !leaf.verify(ca.publicKey)) {
    throw new GbaError('certificate-untrusted', `'${certificate.subject}' was not issued by '${issuer.subject}'`);
  }
  for (const { subject, notBefore, notAfter } of [certificate, issuer]) {
    if (atMs < notBefore) throw new GbaError('certificate-not-yet-valid', `'${subject}' is not valid yet`);
    if (atMs > notAfter) throw new GbaError('certificate-expired', `'${subject}' has expired`);
  }
}

/** Private keys that somebody holds, by SHA-256 of their PEM text: reading one again costs more than a signature. */
const heldKeys = new Map<string, WeakRef<KeyObject>>();

function readPrivateKey(pem: string): KeyObject {
  const name = createHash('sha256').update(pem).digest('hex');
  const held = heldKeys.get(name)?.deref();
  if (held !== undefined) return held;
  try {
    const key = createPrivateKey(pem);
    for (const [other, reference] of heldKeys) if (reference.deref() === undefined) heldKeys.delete(other);
    heldKeys.set(name, new WeakRef(key));
    return key;
  } catch (cause) {
    throw new GbaError('key-invalid', 'not a PEM private key', { cause });
  }
}

export function loadSigner(pem: { cert: string; key: string }): Signer {
  const certificate = readCertificate(pem.cert);
  const key = readPrivateKey(pem.key);
  if (!isP256(key) || spkiSha256(key).toString('hex') !== certificate.spkiSha256) {
    throw new GbaError('key-invalid', `the key is not the P-256 key of certificate '${certificate.subject}'`);
  }
  return { key, certificate: certificate.der };
}

export function toPem(der: Uint8Array, label: string): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

export function privateKeyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}
