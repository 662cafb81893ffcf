import { parseDer } from './der.ts';
import { integerText, isContext, type Node, type NodeReader, rawOf } from './nodes.ts';

/** keyUsage bits as they stand in the first octet of its BIT STRING (RFC 5280 4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0x80, keyAgreement: 0x08, keyCertSign: 0x04, cRLSign: 0x02 } as const;
export type KeyUsage = keyof typeof KEY_USAGE;

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export interface Extension {
  id: string;
  critical: boolean;
  /** What is in its OCTET STRING. */
  value: Buffer;
}

/** The members of TBSCertificate from serialNumber on: version 1 certificates have no version before it (RFC 5280 4.1). */
function fieldsOf(certificate: Node, read: NodeReader): Node[] {
  const [tbs] = read.sequence(certificate, 'certificate', 3);
  const fields = read.sequence(tbs, 'tbsCertificate');
  return isContext(fields[0], 0) ? fields.slice(1) : fields;
}

/** issuer and serialNumber of a Certificate node, as they stand in it. */
export function issuerAndSerial(certificate: Node, read: NodeReader): { issuer: Node; serial: Node } {
  const [serial, , issuer] = fieldsOf(certificate, read);
  return serial !== undefined && issuer !== undefined ? { issuer, serial } : read.refuse('certificate is cut short');
}

/** The subject of a Certificate node, as it stands in it. */
export function subjectOf(certificate: Node, read: NodeReader): Node {
  return fieldsOf(certificate, read)[4] ?? read.refuse('certificate is cut short');
}

/** subjectPublicKeyInfo of a Certificate node, as it stands in it. */
export function publicKeyInfoOf(certificate: Node, read: NodeReader): Node {
  return fieldsOf(certificate, read)[5] ?? read.refuse('certificate is cut short');
}

/** serialNumber of a Certificate node in hexadecimal, as in revocation lists. */
export function serialTextOf(certificate: Node, read: NodeReader): string {
  const serial = read.integerOctets(issuerAndSerial(certificate, read).serial, 'serialNumber');
  return integerText(serial, 'serialNumber', read);
}

/** The extensions of a Certificate node; none twice (RFC 5280 4.2). */
export function extensionsOf(certificate: Node, read: NodeReader): Extension[] {
  const wrapped = fieldsOf(certificate, read).find((field) => isContext(field, 3));
  return wrapped === undefined ? [] : readExtensions(read.context(wrapped, 3, 'extensions', 1)[0], read);
}

/** Extensions ::= SEQUENCE OF Extension, of certificates, of lists and of their entries. */
export function readExtensions(list: Node | undefined, read: NodeReader): Extension[] {
  const found = read.sequence(list, 'extensions').map((node) => {
    const [id, ...rest] = read.sequence(node, 'extension');
    const [first, second, more] = rest;
    if (more !== undefined) read.refuse('an extension has too many members');
    const critical = second !== undefined && read.boolean(first, 'critical');
    return { id: read.anyOid(id, 'extension'), critical, value: read.octets(second ?? first, 'extension value') };
  });
  if (new Set(found.map(({ id }) => id)).size !== found.length) read.refuse('an extension stands twice');
  return found;
}

/** Whether the key may be used so; a certificate that says nothing of it allows all (RFC 5280 4.2.1.3). */
export function allowsUsage(certificate: Node, usage: KeyUsage, read: NodeReader): boolean {
  const extension = extensionsOf(certificate, read).find(({ id }) => id === EXTENSION.keyUsage);
  if (extension === undefined) return true;
  // BIT STRING: tag, length, count of unused bits, bits.
  const bits = rawOf(parseDer(extension.value));
  return bits[0] === 0x03 && ((bits[3] ?? 0) & KEY_USAGE[usage]) !== 0;
}
