import { GbaError } from '../base/index.ts';
import { allowsUsage, issuerAndSerial, serialTextOf, subjectOf } from './certificate-fields.ts';
import type { Crl } from './crl.ts';
import { parseOnce } from './der.ts';
import type { Certificate } from './keys.ts';
import { NodeReader, rawOf } from './nodes.ts';
import { isSignedBy } from './signature.ts';

const reader = new NodeReader('certificate-invalid', 'certificate');

/** The serial number in hexadecimal, as lists, records and `openssl x509 -serial` have it (in lower case). */
export const serialNumberOf = ({ der }: Certificate): string => serialTextOf(parseOnce(der), reader);

/** DER of the subject's Name. */
export const subjectNameOf = ({ der }: Certificate): Buffer => rawOf(subjectOf(parseOnce(der), reader));

/** DER of the issuer's Name. */
export const issuerNameOf = ({ der }: Certificate): Buffer => rawOf(issuerAndSerial(parseOnce(der), reader).issuer);

/** Whether `issuer`, which may sign lists, signed this one (RFC 5280 6.3.3 f, g). Names are compared octet by octet. */
export function isCrlOf(crl: Crl, issuer: Certificate): boolean {
  return (
    crl.issuer.equals(subjectNameOf(issuer)) &&
    allowsUsage(parseOnce(issuer.der), 'cRLSign', reader) &&
    isSignedByKeyOf(crl, issuer)
  );
}

/** Lists are long and live long: each is verified once for each key. */
const verified = new WeakMap<Crl, Map<string, boolean>>();

function isSignedByKeyOf(crl: Crl, { publicKey, spkiSha256 }: Certificate): boolean {
  const byKey = verified.get(crl) ?? new Map<string, boolean>();
  verified.set(crl, byKey);
  const signed = byKey.get(spkiSha256) ?? isSignedBy(crl.form, publicKey);
  byKey.set(spkiSha256, signed);
  return signed;
}

/**
 * `certificate`, issued by `issuer`, is not revoked as of `atMs`, by the newest of that issuer's lists among `crls`; without
 * one nothing is said. Throws `crl-invalid` when a list has the issuer's name but not its signature, `crl-not-yet-valid`,
 * `crl-stale` and `certificate-revoked`.
 */
export function checkRevocation(
  certificate: Certificate,
  crls: readonly Crl[],
  issuer: Certificate,
  atMs: number,
): void {
  const name = subjectNameOf(issuer);
  const named = crls.filter((crl) => crl.issuer.equals(name));
  if (named.length === 0) return;
  // Another key may go by the same name; its lists say nothing of this issuer's certificates.
  const [newest] = named.filter((crl) => isCrlOf(crl, issuer)).sort(newestFirst);
  if (newest === undefined) throw new GbaError('crl-invalid', `no list is signed by '${issuer.subject}'`);
  // A list from the future: a clock that was set back could not tell a stale one either.
  if (atMs < newest.thisUpdate) throw new GbaError('crl-not-yet-valid', `the list of '${issuer.subject}' is of later`);
  if (atMs > newest.nextUpdate) throw new GbaError('crl-stale', `the list of '${issuer.subject}' has ended`);
  if (newest.revoked.has(serialNumberOf(certificate))) {
    throw new GbaError('certificate-revoked', `'${certificate.subject}' is revoked`);
  }
}

/** By CRL number where both have one (RFC 5280 5.2.3), else by time. */
function newestFirst(a: Crl, b: Crl): number {
  if (a.number !== undefined && b.number !== undefined && a.number !== b.number) {
    return BigInt(`0x${a.number}`) > BigInt(`0x${b.number}`) ? -1 : 1;
  }
  return b.thisUpdate - a.thisUpdate;
}
