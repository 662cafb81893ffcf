import { createHash, sign, verify } from 'node:crypto';
import { equalBytes, GbaError } from '../base/index.ts';
import { issuerAndSerial } from './certificate-fields.ts';
import { parseDer, parseOnce } from './der.ts';
import { type Certificate, isP256, readCertificate, type Signer } from './keys.ts';
import { context, encode, integer, type Node, NodeReader, octets, oid, rawOf, sequence, setOf } from './nodes.ts';
import { OID } from './oids.ts';
import { checkStrictDer } from './strict-der.ts';
import { membersOf } from './tlv.ts';

const OBJECT_IDENTIFIER = 0x06;

/**
 * CMS SignedData (RFC 5652), one profile and no other: one signer named by issuer and serial number, ECDSA P-256 with
 * SHA-256, signed attributes contentType and messageDigest, the signer's certificate inside, eContentType id-data, no
 * unsigned attributes.
 */
export async function signCms(content: Uint8Array, signer: Signer): Promise<Buffer> {
  const certificate = parseOnce(signer.certificate);
  const digest = createHash('sha256').update(content).digest();
  // DER SET OF order: contentType (30 18 ...) before messageDigest (30 2f ...).
  const attributes = [
    sequence(oid(OID.contentType), setOf(oid(OID.data))),
    sequence(oid(OID.messageDigest), setOf(octets(digest))),
  ];
  const signature = sign('sha256', encode(setOf(...attributes)), signer.key);
  const { issuer, serial } = issuerAndSerial(certificate, new NodeReader('cms-invalid'));
  const signerInfo = sequence(
    integer(1),
    sequence(issuer, serial),
    sequence(oid(OID.sha256)),
    context(0, ...attributes),
    sequence(oid(OID.ecdsaWithSha256)),
    octets(signature),
  );
  const signedData = sequence(
    integer(1),
    setOf(sequence(oid(OID.sha256))),
    sequence(oid(OID.data), context(0, octets(content))),
    context(0, certificate),
    setOf(signerInfo),
  );
  return encode(sequence(oid(OID.signedData), context(0, signedData)));
}

export interface VerifiedCms {
  content: Buffer;
  /** Whose key signed. Trust in it is the caller's business: pin its key or verify its chain. */
  signer: Certificate;
}

/** True for a ContentInfo (an OBJECT IDENTIFIER comes first), whatever is wrong further inside. */
export function isCms(der: Uint8Array): boolean {
  return membersOf(der)?.[0]?.tag === OBJECT_IDENTIFIER;
}

/** Verifies structure and signature; throws `der-invalid`, `cms-invalid` or `signature-invalid`. */
export async function verifyCms(der: Uint8Array): Promise<VerifiedCms> {
  const read = new NodeReader('cms-invalid');
  const [type, wrapped] = read.sequence(parseDer(der), 'ContentInfo', 2);
  read.oid(type, OID.signedData, 'contentType');
  const signedData = read.context(wrapped, 0, 'content', 1)[0];
  const [version, digests, encapsulated, certificates, signerInfos] = read.sequence(signedData, 'SignedData', 5);
  read.integer(version, 1, 'SignedData version');
  read.algorithm(read.onlyOf(digests, 'digestAlgorithms'), OID.sha256, 'digest algorithm', true);
  const [eContentType, eContent] = read.sequence(encapsulated, 'encapContentInfo', 2);
  read.oid(eContentType, OID.data, 'eContentType');
  const content = read.octets(read.context(eContent, 0, 'eContent', 1)[0], 'eContent');
  const [certificateNode] = read.context(certificates, 0, 'certificates', 1);
  if (certificateNode === undefined) return read.refuse('no certificate');
  const signer = readCertificate(rawOf(certificateNode));
  verifySignerInfo(read.onlyOf(signerInfos, 'signerInfos'), certificateNode, signer, content, read);
  return { content, signer };
}

function verifySignerInfo(info: Node, certificate: Node, signer: Certificate, content: Buffer, read: NodeReader): void {
  // Six members: with signed attributes, without unsigned ones.
  const members = read.sequence(info, 'SignerInfo', 6);
  const [version, sid, digestAlgorithm, attributes, signatureAlgorithm, signatureNode] = members;
  read.integer(version, 1, 'SignerInfo version');
  const [issuer, serial] = read.sequence(sid, 'sid', 2);
  const own = issuerAndSerial(certificate, read);
  const named = issuer !== undefined && serial !== undefined;
  if (!named || !rawOf(issuer).equals(rawOf(own.issuer)) || !rawOf(serial).equals(rawOf(own.serial))) {
    read.refuse('sid does not name the certificate inside');
  }
  read.algorithm(digestAlgorithm, OID.sha256, 'digest algorithm', true);
  read.algorithm(signatureAlgorithm, OID.ecdsaWithSha256, 'signature algorithm');
  checkAttributes(read.context(attributes, 0, 'signedAttrs'), content, read);
  // The signature is over the attributes as received, with the tag of SET OF (RFC 5652 5.4), never over a re-encoding.
  const signed = rawOf(attributes ?? info);
  signed[0] = 0x31;
  // With that tag they must be DER too, sorted that is: what no other encoding of the same attributes is.
  checkStrictDer(signed);
  const signature = read.octets(signatureNode, 'signature');
  if (!isP256(signer.publicKey) || !verify('sha256', signed, signer.publicKey, signature)) {
    throw new GbaError('signature-invalid', 'the CMS signature does not verify');
  }
}

function checkAttributes(attributes: readonly Node[], content: Buffer, read: NodeReader): void {
  const byType = new Map<string, Node>();
  for (const attribute of attributes) {
    const [type, values] = read.sequence(attribute, 'attribute', 2);
    const name = read.anyOid(type, 'attribute type');
    if (byType.has(name)) read.refuse('a signed attribute stands twice');
    if (values !== undefined) byType.set(name, values);
  }
  read.oid(read.onlyOf(byType.get(OID.contentType), 'contentType attribute'), OID.data, 'contentType attribute');
  const digest = read.octets(read.onlyOf(byType.get(OID.messageDigest), 'messageDigest attribute'), 'messageDigest');
  if (!equalBytes(digest, createHash('sha256').update(content).digest())) {
    throw new GbaError('signature-invalid', 'the content is not the one that was signed');
  }
}
