import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { GbaError } from '../base/index.ts';
import { parseDer } from './der.ts';
import { isP256 } from './keys.ts';
import { bits, encode, type NodeReader, oid, sequence } from './nodes.ts';
import { OID } from './oids.ts';
import { readTlvs, tlv } from './tlv.ts';

const SEQUENCE = 0x30;

/** Signature algorithms of authorities that we did not make: hash and key type. RSA carries NULL parameters (RFC 4055). */
const ALGORITHMS: Readonly<Record<string, { hash: string; key: 'ec' | 'rsa' }>> = {
  [OID.ecdsaWithSha256]: { hash: 'sha256', key: 'ec' },
  '1.2.840.10045.4.3.3': { hash: 'sha384', key: 'ec' },
  '1.2.840.10045.4.3.4': { hash: 'sha512', key: 'ec' },
  '1.2.840.113549.1.1.11': { hash: 'sha256', key: 'rsa' },
  '1.2.840.113549.1.1.12': { hash: 'sha384', key: 'rsa' },
  '1.2.840.113549.1.1.13': { hash: 'sha512', key: 'rsa' },
};

/** SEQUENCE { what is signed, algorithm, signature }: the outer form of certificates, lists and requests. */
export interface SignedForm {
  /** The first member exactly as received: the signature is over these octets. */
  signed: Buffer;
  hash: string;
  keyType: 'ec' | 'rsa';
  /** DER of the AlgorithmIdentifier. */
  algorithm: Buffer;
  signature: Buffer;
}

/** Takes octets that `checkStrictDer` has passed. */
export function readSignedForm(der: Buffer, read: NodeReader): SignedForm {
  const [outer] = readTlvs(der);
  const [signed, algorithm, signature, extra] = outer?.tag === SEQUENCE ? readTlvs(outer.value) : [];
  if (signed === undefined || algorithm === undefined || signature === undefined || extra !== undefined) {
    return read.refuse('it is not something signed');
  }
  const [id, parameters, more] = read.sequence(parseDer(algorithm.raw), 'signature algorithm');
  const known = ALGORITHMS[read.anyOid(id, 'signature algorithm')] ?? read.refuse('the signature algorithm is unknown');
  const plain = known.key === 'rsa' ? parameters !== undefined && read.isNull(parameters) : parameters === undefined;
  if (!plain || more !== undefined) return read.refuse('the signature algorithm has other parameters');
  return {
    signed: signed.raw,
    hash: known.hash,
    keyType: known.key,
    algorithm: algorithm.raw,
    signature: read.bits(parseDer(signature.raw), 'signature'),
  };
}

export function isSignedBy({ signed, hash, keyType, signature }: SignedForm, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== keyType) return false;
  const padding = keyType === 'rsa' ? { padding: constants.RSA_PKCS1_PADDING } : {};
  return verify(hash, signed, { key, ...padding }, signature);
}

export const ECDSA_SHA256 = encode(sequence(oid(OID.ecdsaWithSha256)));

/** Signs with ECDSA P-256 and SHA-256, the one algorithm that we sign with. */
export function makeSignedForm(content: Buffer, key: KeyObject): Buffer {
  if (!isP256(key)) throw new GbaError('key-invalid', 'only P-256 keys sign here');
  return tlv(SEQUENCE, content, ECDSA_SHA256, encode(bits(sign('sha256', content, key))));
}
