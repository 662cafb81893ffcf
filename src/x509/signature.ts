import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { GbaError } from '../base/index.ts';
import { isP256 } from './keys.ts';
import { bits, encode, type Node, type NodeReader, oid, rawOf, sequence } from './nodes.ts';
import { OID } from './oids.ts';

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
  /** The first member, exactly as received: the signature is over these octets. */
  signed: Buffer;
  hash: string;
  keyType: 'ec' | 'rsa';
  algorithm: Node;
  signature: Buffer;
}

export function readSignedForm(node: Node, read: NodeReader): { content: Node; form: SignedForm } {
  const [content, algorithm, signature] = read.sequence(node, 'signed structure', 3);
  if (content === undefined || algorithm === undefined) return read.refuse('it is cut short');
  const [id, parameters, more] = read.sequence(algorithm, 'signature algorithm');
  const known = ALGORITHMS[read.anyOid(id, 'signature algorithm')] ?? read.refuse('the signature algorithm is unknown');
  const plain = known.key === 'rsa' ? parameters !== undefined && read.isNull(parameters) : parameters === undefined;
  if (!plain || more !== undefined) return read.refuse('the signature algorithm has other parameters');
  return {
    content,
    form: {
      signed: rawOf(content),
      hash: known.hash,
      keyType: known.key,
      algorithm,
      signature: read.bits(signature, 'signature'),
    },
  };
}

export function isSignedBy({ signed, hash, keyType, signature }: SignedForm, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== keyType) return false;
  const padding = keyType === 'rsa' ? { padding: constants.RSA_PKCS1_PADDING } : {};
  return verify(hash, signed, { key, ...padding }, signature);
}

export const ecdsaSha256 = (): Node => sequence(oid(OID.ecdsaWithSha256));

/** Signs with ECDSA P-256 and SHA-256, the one algorithm that we sign with. */
export function makeSignedForm(content: Node, key: KeyObject): Buffer {
  if (!isP256(key)) throw new GbaError('key-invalid', 'only P-256 keys sign here');
  return encode(sequence(content, ecdsaSha256(), bits(sign('sha256', encode(content), key))));
}
