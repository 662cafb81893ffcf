import { X509Certificate } from 'node:crypto';
import { codeOf, GbaError } from '../base/index.ts';
import { allowsUsage, EXTENSION, extensionsOf, type KeyUsage, subjectOf } from './certificate-fields.ts';
import type { Crl } from './crl.ts';
import { parseOnce } from './der.ts';
import { type Certificate, verifyChain } from './keys.ts';
import { commonNameOf } from './names.ts';
import { NodeReader } from './nodes.ts';
import { checkRevocation, isCrlOf } from './revocation.ts';

const reader = new NodeReader('certificate-invalid', 'certificate');

/** Extensions whose meaning is respected, or that narrow nothing here. */
const UNDERSTOOD: readonly string[] = [
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.extendedKeyUsage,
];

export interface DeviceTrust {
  /** Manufacturers' authorities and PKI portals. */
  authorities: readonly Certificate[];
  /** Each has to be of one of the authorities. */
  crls: readonly Crl[];
  /** Whom the certificate has to name: the M2ME id. */
  subject: string;
  atMs: number;
  /** What the key is going to be used for. */
  usage?: KeyUsage;
}

/**
 * A certificate of a device that may be believed now: issued by one of the authorities, valid, of this subject, not revoked
 * by its authority's list if one is configured. Returns that authority. Throws `certificate-untrusted`,
 * `certificate-not-yet-valid`, `certificate-expired`, `certificate-wrong-subject`, `certificate-wrong-usage`,
 * `certificate-invalid`, and what `checkRevocation` throws.
 */
export function verifyDevice(
  certificate: Certificate,
  { authorities, crls, subject, atMs, usage }: DeviceTrust,
): Certificate {
  const authority = issuerOf(certificate, authorities, atMs);
  const node = parseOnce(certificate.der);
  if (commonNameOf(subjectOf(node, reader), reader) !== subject) {
    throw new GbaError('certificate-wrong-subject', `the certificate is not of '${subject}'`);
  }
  if (extensionsOf(node, reader).some(({ critical, id }) => critical && !UNDERSTOOD.includes(id))) {
    throw new GbaError('certificate-invalid', 'a critical extension is not understood');
  }
  if (usage !== undefined && !allowsUsage(node, usage, reader)) {
    throw new GbaError('certificate-wrong-usage', `the key is not certified for ${usage}`);
  }
  // A list that no authority signed would be passed over below, and whoever configured it would think that it counts.
  if (!crls.every((crl) => authorities.some((one) => isCrlOf(crl, one)))) {
    throw new GbaError('crl-invalid', 'a configured revocation list is of none of the authorities');
  }
  checkRevocation(certificate, crls, authority, atMs);
  return authority;
}

/** The authority that issued it; when several go by one name and key, one within its validity. */
function issuerOf(certificate: Certificate, authorities: readonly Certificate[], atMs: number): Certificate {
  let refusal: unknown = new GbaError('certificate-untrusted', 'no authority of ours issued this certificate');
  for (const authority of authorities) {
    try {
      verifyChain(certificate, authority, atMs);
      return authority;
    } catch (error) {
      if (codeOf(error) !== 'certificate-untrusted') refusal = error;
    }
  }
  throw refusal;
}

/** A certificate that may sign certificates and revocation lists (RFC 5280 4.2.1.3, 4.2.1.9). Throws `certificate-invalid`. */
export function checkAuthority(certificate: Certificate): void {
  const node = parseOnce(certificate.der);
  const signs = allowsUsage(node, 'keyCertSign', reader) && allowsUsage(node, 'cRLSign', reader);
  if (!signs || !new X509Certificate(certificate.der).ca) {
    throw new GbaError('certificate-invalid', `'${certificate.subject}' is not of an authority`);
  }
}
