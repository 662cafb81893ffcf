import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { GbaError, type Random, SecretKey } from '../base/index.ts';
import { allowsUsage, issuerAndSerial } from './certificate-fields.ts';
import { parseDer, parseOnce } from './der.ts';
import { generateKeyPair, isP256, readCertificate } from './keys.ts';
import {
  context,
  contextOctets,
  encode,
  integer,
  type Node,
  NodeReader,
  octets,
  oid,
  rawOf,
  sequence,
  setOf,
} from './nodes.ts';
import { OID } from './oids.ts';

const NONCE = 12;
const TAG = 16;
const WRAP_IV = Buffer.alloc(8, 0xa6);

/**
 * CMS AuthEnvelopedData (RFC 5083), one profile: AES-256-GCM with a 12-octet nonce and a 16-octet tag, inner type id-data, no
 * authAttrs, one recipient by ephemeral-static ECDH on P-256 with the X9.63 KDF over SHA-256 and AES-256 key wrap
 * (RFC 5753). A new content key and ephemeral key for every message.
 */
export async function envelope(plain: Uint8Array, recipient: Uint8Array, random: Random): Promise<Buffer> {
  const certificate = readCertificate(recipient);
  const certified = new NodeReader('certificate-invalid');
  const recipientNode = parseOnce(recipient);
  if (!isP256(certificate.publicKey) || !allowsUsage(recipientNode, 'keyAgreement', certified)) {
    throw new GbaError('envelope-invalid', "the recipient's key is not one for agreement on P-256");
  }
  const ephemeral = generateKeyPair();
  const contentKey = random.bytes(32);
  const kek = keyEncryptionKey(ephemeral.privateKey, certificate.publicKey, undefined);
  const wrap = createCipheriv('id-aes256-wrap', kek, WRAP_IV);
  const wrapped = Buffer.concat([wrap.update(contentKey), wrap.final()]);
  kek.fill(0);
  const nonce = random.bytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', contentKey, nonce);
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  contentKey.fill(0);

  const { issuer, serial } = issuerAndSerial(recipientNode, certified);
  // OriginatorPublicKey: algorithm id-ecPublicKey without parameters, then the point; both are in the SPKI already.
  const spki = parseDer(ephemeral.publicKey.export({ format: 'der', type: 'spki' }));
  const point = new NodeReader('envelope-invalid').sequence(spki, 'SPKI')[1];
  if (point === undefined) throw new GbaError('envelope-invalid', 'no point in the ephemeral key');
  const originatorKey = context(1, sequence(oid(OID.ecPublicKey)), point);
  const recipientInfo = context(
    1,
    integer(3),
    context(0, originatorKey),
    sequence(oid(OID.dhStdSha256Kdf), sequence(oid(OID.aes256Wrap))),
    sequence(sequence(sequence(issuer, serial), octets(wrapped))),
  );
  const encrypted = sequence(
    oid(OID.data),
    sequence(oid(OID.aes256Gcm), sequence(octets(nonce), integer(TAG))),
    contextOctets(0, ciphertext),
  );
  const data = sequence(integer(0), setOf(recipientInfo), encrypted, octets(cipher.getAuthTag()));
  return encode(sequence(oid(OID.authEnvelopedData), context(0, data)));
}

/**
 * Opens what `envelope` (or a tool of the same profile) made. The plain text is handed out only after the tag was checked.
 * Throws `der-invalid`, `envelope-invalid`, or `envelope-recipient-wrong` when it is meant for another certificate.
 */
export async function openEnvelope(der: Uint8Array, key: KeyObject, recipient: Uint8Array): Promise<SecretKey> {
  const read = new NodeReader('envelope-invalid');
  const [type, wrapped] = read.sequence(parseDer(der), 'ContentInfo', 2);
  read.oid(type, OID.authEnvelopedData, 'contentType');
  const data = read.context(wrapped, 0, 'content', 1)[0];
  const [version, recipients, encrypted, mac] = read.sequence(data, 'AuthEnvelopedData', 4);
  read.integer(version, 0, 'version');
  const contentKey = unwrap(read.onlyOf(recipients, 'recipientInfos'), key, recipient, read);
  try {
    return decrypt(encrypted, read.octets(mac, 'mac'), contentKey, read);
  } finally {
    contentKey.fill(0);
  }
}

function unwrap(info: Node, key: KeyObject, recipient: Uint8Array, read: NodeReader): Buffer {
  const members = read.context(info, 1, 'RecipientInfo');
  const ukm = members.length === 5 ? read.octets(read.context(members[2], 1, 'ukm', 1)[0], 'ukm') : undefined;
  const [version, originator] = members;
  const [algorithm, keys] = members.slice(-2);
  if (members.length !== 4 && members.length !== 5) read.refuse('KeyAgreeRecipientInfo has the wrong members');
  read.integer(version, 3, 'KeyAgreeRecipientInfo version');
  const [kdf, wrapAlgorithm] = read.sequence(algorithm, 'keyEncryptionAlgorithm', 2);
  read.oid(kdf, OID.dhStdSha256Kdf, 'key agreement');
  read.algorithm(wrapAlgorithm, OID.aes256Wrap, 'key wrap');
  const [encryptedKey] = read.sequence(keys, 'recipientEncryptedKeys', 1);
  const [rid, wrappedKey] = read.sequence(encryptedKey, 'RecipientEncryptedKey', 2);
  const [issuer, serial] = read.sequence(rid, 'rid', 2);
  const own = issuerAndSerial(parseOnce(recipient), new NodeReader('certificate-invalid'));
  const mine =
    issuer !== undefined &&
    serial !== undefined &&
    rawOf(issuer).equals(rawOf(own.issuer)) &&
    rawOf(serial).equals(rawOf(own.serial));
  if (!mine) throw new GbaError('envelope-recipient-wrong', 'the envelope is for another recipient');
  const publicKey = originatorPoint(read.context(originator, 0, 'originator', 1)[0], read);
  const wrapped = read.octets(wrappedKey, 'encryptedKey');
  // 32 octets of content key and 8 of the wrap's own check (RFC 3394).
  if (wrapped.length !== 40) read.refuse('the content key is not 32 octets');
  return unwrapKey(wrapped, key, publicKey, ukm);
}

function unwrapKey(wrapped: Buffer, key: KeyObject, publicKey: KeyObject, ukm: Buffer | undefined): Buffer {
  let kek: Buffer | undefined;
  try {
    kek = keyEncryptionKey(key, publicKey, ukm);
    const decipher = createDecipheriv('id-aes256-wrap', kek, WRAP_IV);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch (cause) {
    throw new GbaError('envelope-invalid', 'the content key does not unwrap', { cause });
  } finally {
    kek?.fill(0);
  }
}

/** The originator's public key; the platform refuses points off the curve and the point at infinity. */
function originatorPoint(node: Node | undefined, read: NodeReader): KeyObject {
  const [algorithm, point] = read.context(node, 1, 'originatorKey', 2);
  checkOriginatorAlgorithm(read.sequence(algorithm, 'originator algorithm'), read);
  if (point === undefined) return read.refuse('no originator point');
  const bits = rawOf(point);
  // BIT STRING, 66 octets: no unused bits, then an uncompressed point (04 || x || y).
  if (bits.length !== 68 || bits[0] !== 0x03 || bits[2] !== 0 || bits[3] !== 4)
    read.refuse('originator point is not uncompressed P-256');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: bits.subarray(4, 36).toString('base64url'),
    y: bits.subarray(36).toString('base64url'),
  };
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw new GbaError('envelope-invalid', 'the originator point is not on the curve', { cause });
  }
}

/** id-ecPublicKey, its parameters absent or NULL or the name of P-256 (RFC 5753 7.1.2). */
function checkOriginatorAlgorithm([id, parameters, more]: readonly Node[], read: NodeReader): void {
  read.oid(id, OID.ecPublicKey, 'originator algorithm');
  if (more !== undefined) read.refuse('originator algorithm has too many members');
  if (parameters !== undefined && !read.isNull(parameters)) read.oid(parameters, OID.p256, 'originator curve');
}

function decrypt(encrypted: Node | undefined, tag: Buffer, contentKey: Buffer, read: NodeReader): SecretKey {
  const [type, algorithm, ciphertext] = read.sequence(encrypted, 'authEncryptedContentInfo', 3);
  read.oid(type, OID.data, 'inner content type');
  const [gcm, parameters] = read.sequence(algorithm, 'content encryption', 2);
  read.oid(gcm, OID.aes256Gcm, 'content encryption');
  const [nonceNode, icvLength] = read.sequence(parameters, 'GCMParameters', 2);
  read.integer(icvLength, TAG, 'aes-ICVlen');
  const nonce = read.octets(nonceNode, 'nonce');
  if (nonce.length !== NONCE || tag.length !== TAG) read.refuse('nonce or tag of the wrong size');
  const decipher = createDecipheriv('aes-256-gcm', contentKey, nonce).setAuthTag(tag);
  const plain = decipher.update(read.contextOctets(ciphertext, 0, 'encryptedContent'));
  try {
    decipher.final();
  } catch (cause) {
    plain.fill(0);
    throw new GbaError('envelope-invalid', 'the envelope is not authentic', { cause });
  }
  return SecretKey.adopt(plain);
}

/** X9.63 KDF, one block: SHA-256(Z || 00000001 || DER(ECC-CMS-SharedInfo)), RFC 5753 7.2; 32 octets. */
function keyEncryptionKey(privateKey: KeyObject, publicKey: KeyObject, ukm: Buffer | undefined): Buffer {
  const z = diffieHellman({ privateKey, publicKey });
  const parts: Node[] = [sequence(oid(OID.aes256Wrap))];
  if (ukm !== undefined) parts.push(context(0, octets(ukm)));
  const info = encode(sequence(...parts, context(2, octets(Buffer.from('00000100', 'hex')))));
  const kek = createHash('sha256').update(z).update(Buffer.from('00000001', 'hex')).update(info).digest();
  z.fill(0);
  return kek;
}
