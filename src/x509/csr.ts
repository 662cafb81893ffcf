import { createPublicKey, type KeyObject } from 'node:crypto';
import { GbaError } from '../base/index.ts';
import { parseDer } from './der.ts';
import { spkiSha256 } from './keys.ts';
import { commonNameNode, commonNameOf } from './names.ts';
import { context, encode, integer, type Node, NodeReader, rawOf, sequence } from './nodes.ts';
import { OID } from './oids.ts';
import { readPem } from './pem.ts';
import { isSignedBy, makeSignedForm, readSignedForm } from './signature.ts';
import { checkStrictDer } from './strict-der.ts';

/** A certification request whose proof of possession was verified. */
export interface Csr {
  der: Buffer;
  /** The common name; other parts of the name and requested extensions are read for form and mean nothing here. */
  subject: string;
  publicKey: KeyObject;
  /** Lower-case hexadecimal. */
  spkiSha256: string;
}

const PEM_LABEL = 'CERTIFICATE REQUEST';
const LARGEST = 8 * 1024;
/** SubjectPublicKeyInfo on the named curve P-256, up to the octet that says "uncompressed point" (RFC 5480 2). */
const SPKI_HEAD = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');

/** A request (RFC 2986) for a certificate of the P-256 key `key`, a private one, naming `subject`. Returns its DER. */
export function makeCsr({ subject, key }: { subject: string; key: KeyObject }): Buffer {
  const spki = parseDer(createPublicKey(key).export({ format: 'der', type: 'spki' }));
  const name = commonNameNode(subject);
  const csr = makeSignedForm(encode(sequence(integer(0), name, spki, context(0))), key);
  // Nothing is written that no reader takes.
  readCsr(csr);
  return csr;
}

/**
 * A request from DER or PEM, whose key is on P-256 and signed it with SHA-256: proof that the requester has the private key
 * (RFC 2986 4.2). Throws `csr-invalid`.
 */
export function readCsr(input: Uint8Array | string): Csr {
  const der = typeof input === 'string' ? readPem(input, PEM_LABEL) : Buffer.from(input);
  if (der === undefined) throw new GbaError('csr-invalid', 'not exactly one PEM block of a certificate request');
  try {
    return parseCsr(der);
  } catch (cause) {
    const why = cause instanceof GbaError ? cause.message : 'its key is not usable';
    throw new GbaError('csr-invalid', `not a certificate request that is served: ${why}`, { cause });
  }
}

function parseCsr(der: Buffer): Csr {
  const read = new NodeReader('csr-invalid', 'certificate request');
  checkStrictDer(der, { size: LARGEST });
  const form = readSignedForm(der, read);
  read.algorithm(parseDer(form.algorithm), OID.ecdsaWithSha256, 'signature algorithm');
  const [version, name, spki, attributes] = read.sequence(parseDer(form.signed), 'certificationRequestInfo', 4);
  read.integer(version, 0, 'version');
  checkAttributes(attributes, read);
  const publicKey = keyOf(spki, read);
  const subject = commonNameOf(name, read);
  if (!isSignedBy(form, publicKey)) return read.refuse('the signature is not by its own key');
  return { der, subject, publicKey, spkiSha256: spkiSha256(publicKey).toString('hex') };
}

/** On P-256 and written in one form only, so that one key has one digest. */
function keyOf(node: Node | undefined, read: NodeReader): KeyObject {
  const spki = node === undefined ? Buffer.alloc(0) : rawOf(node);
  if (!spki.subarray(0, SPKI_HEAD.length).equals(SPKI_HEAD)) return read.refuse('the key is not on P-256');
  return createPublicKey({ key: spki, format: 'der', type: 'spki' });
}

/** attributes [0] IMPLICIT SET OF Attribute: well-formed, sorted, none twice. */
function checkAttributes(node: Node | undefined, read: NodeReader): void {
  const attributes = read.context(node, 0, 'attributes');
  const asSet = node === undefined ? Buffer.alloc(0) : rawOf(node);
  asSet[0] = 0x31;
  checkStrictDer(asSet);
  const types = attributes.map((attribute) => {
    const [type, values] = read.sequence(attribute, 'attribute', 2);
    read.members(values, 'attribute values');
    return read.anyOid(type, 'attribute type');
  });
  if (new Set(types).size !== types.length) read.refuse('an attribute stands twice');
}
