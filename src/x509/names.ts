import * as asn1js from 'asn1js';
import { type Node, type NodeReader, oid, sequence, setOf, utf8 } from './nodes.ts';
import { OID } from './oids.ts';

/** ub-common-name of RFC 5280 appendix A. */
const LONGEST = 64;
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

/** Name with a common name alone. */
export const commonNameNode = (value: string): Node => sequence(setOf(sequence(oid(OID.commonName), utf8(value))));

/** The one common name in a Name: two would be two identities, and readers would differ on which of them counts. */
export function commonNameOf(name: Node | undefined, read: NodeReader): string {
  const values = read.sequence(name, 'name').flatMap((rdn) =>
    read.members(rdn, 'relative name').flatMap((attribute) => {
      const [type, value] = read.sequence(attribute, 'name attribute', 2);
      return read.anyOid(type, 'name attribute') === OID.commonName ? [value] : [];
    }),
  );
  const [only, more] = values;
  if (only === undefined || more !== undefined) return read.refuse('the name has not exactly one common name');
  return textOf(only, read);
}

/** 1 to 64 characters without control characters, in one of the two string types of RFC 5280 4.1.2.4. */
function textOf(node: Node, read: NodeReader): string {
  if (!(node instanceof asn1js.Utf8String || node instanceof asn1js.PrintableString)) {
    return read.refuse('the common name is neither UTF8String nor PrintableString');
  }
  const octets = Buffer.from(node.valueBlock.valueHexView);
  const text = octets.toString('utf8');
  const fits =
    Buffer.from(text).equals(octets) &&
    (node instanceof asn1js.Utf8String || PRINTABLE.test(text)) &&
    text.length > 0 &&
    [...text].length <= LONGEST &&
    !/\p{Cc}/u.test(text);
  return fits ? text : read.refuse('the common name is not 1 to 64 characters of text');
}
