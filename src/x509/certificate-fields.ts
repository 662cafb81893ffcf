import { parseDer } from './der.ts';
import { isContext, type Node, type NodeReader, rawOf } from './nodes.ts';

/** keyUsage bits as they stand in the first octet of its BIT STRING (RFC 5280 4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0x80, keyAgreement: 0x08, keyCertSign: 0x04, cRLSign: 0x02 } as const;

const KEY_USAGE_OID = '2.5.29.15';

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

/** Whether the key may be used so; a certificate that says nothing of it allows all (RFC 5280 4.2.1.3). */
export function allowsUsage(certificate: Node, usage: keyof typeof KEY_USAGE, read: NodeReader): boolean {
  const extensions = fieldsOf(certificate, read).find((field) => isContext(field, 3));
  if (extensions === undefined) return true;
  const [list] = read.context(extensions, 3, 'extensions', 1);
  for (const extension of read.sequence(list, 'extensions')) {
    const members = read.sequence(extension, 'extension');
    if (read.anyOid(members[0], 'extension') !== KEY_USAGE_OID) continue;
    // BIT STRING: tag, length, count of unused bits, bits.
    const bits = rawOf(parseDer(read.octets(members.at(-1), 'keyUsage')));
    return bits[0] === 0x03 && ((bits[3] ?? 0) & KEY_USAGE[usage]) !== 0;
  }
  return true;
}
