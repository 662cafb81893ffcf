import type { KeyObject } from 'node:crypto';
import { Crypto } from '@peculiar/webcrypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { KEY_USAGE } from './certificate-fields.ts';
import type { Signer } from './keys.ts';

const crypto = new Crypto();
pkijs.setEngine('gba-authz', new pkijs.CryptoEngine({ name: 'gba-authz', crypto }));

export interface CertificateRequest {
  /** Common name. */
  subject: string;
  /** SAN dNSName entries. */
  names?: readonly string[];
  publicKey: KeyObject;
  /** The authority; for a self-signed certificate its own private key instead. */
  issuer: Signer | { selfSigned: KeyObject };
  ca?: boolean;
  usage?: 'tls' | 'sign' | 'encrypt';
  notBefore: number;
  notAfter: number;
  /** Up to 20 octets; made positive. */
  serial: Uint8Array;
}

const USAGE_BITS = {
  ca: KEY_USAGE.keyCertSign | KEY_USAGE.cRLSign,
  tls: KEY_USAGE.digitalSignature,
  sign: KEY_USAGE.digitalSignature,
  encrypt: KEY_USAGE.keyAgreement,
} as const;

/** Issues a P-256 certificate, signed ECDSA with SHA-256 (RFC 5280). Returns its DER. */
export async function issueCertificate(request: CertificateRequest): Promise<Buffer> {
  const certificate = new pkijs.Certificate();
  certificate.version = 2;
  const serial = Buffer.from(request.serial);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  certificate.serialNumber = new asn1js.Integer({ valueHex: new Uint8Array(serial).buffer });
  certificate.subject.typesAndValues.push(commonName(request.subject));
  if ('selfSigned' in request.issuer) certificate.issuer.typesAndValues.push(commonName(request.subject));
  else certificate.issuer = pkijs.Certificate.fromBER(request.issuer.certificate).subject;
  certificate.notBefore = timeOf(request.notBefore);
  certificate.notAfter = timeOf(request.notAfter);
  certificate.subjectPublicKeyInfo = pkijs.PublicKeyInfo.fromBER(
    request.publicKey.export({ format: 'der', type: 'spki' }),
  );
  certificate.extensions = extensionsOf(request);
  const signingKey = 'selfSigned' in request.issuer ? request.issuer.selfSigned : request.issuer.key;
  const pkcs8 = signingKey.export({ format: 'der', type: 'pkcs8' });
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  await certificate.sign(key, 'SHA-256');
  return Buffer.from(certificate.toSchema(true).toBER());
}

function commonName(value: string): pkijs.AttributeTypeAndValue {
  return new pkijs.AttributeTypeAndValue({ type: '2.5.4.3', value: new asn1js.Utf8String({ value }) });
}

/** UTCTime to 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
function timeOf(ms: number): pkijs.Time {
  const value = new Date(Math.floor(ms / 1000) * 1000);
  return new pkijs.Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });
}

function extensionsOf(request: CertificateRequest): pkijs.Extension[] {
  const extension = (extnID: string, critical: boolean, value: { toBER(): ArrayBuffer }) =>
    new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });
  const bits = USAGE_BITS[request.ca === true ? 'ca' : (request.usage ?? 'sign')];
  const list = [
    extension('2.5.29.19', true, new pkijs.BasicConstraints(request.ca === true ? { cA: true } : {}).toSchema()),
    extension(
      '2.5.29.15',
      true,
      new asn1js.BitString({ valueHex: new Uint8Array([bits]).buffer, unusedBits: Math.clz32(bits & -bits) ^ 31 }),
    ),
  ];
  const names = request.names ?? [];
  if (names.length > 0) {
    const altNames = names.map((value) => new pkijs.GeneralName({ type: 2, value }));
    list.push(extension('2.5.29.17', false, new pkijs.GeneralNames({ names: altNames }).toSchema()));
  }
  return list;
}
