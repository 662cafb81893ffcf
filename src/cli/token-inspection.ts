import { createHash } from 'node:crypto';
import { codeOf, GbaError, toHex } from '../base/index.ts';
import { packageDigest, verifyPackage } from '../mcim/index.ts';
import {
  type Claims,
  decodeClaims,
  readAcknowledgement,
  readAnnouncement,
  readBoundToken,
  readInstruction,
  readQuote,
  readRelay,
  readRelease,
  readResult,
  readReturn,
  readSignedToken,
  readToken,
  readUnregistration,
  readValidation,
  releaseLock,
} from '../token/index.ts';
import { type Certificate, checkStrictDer, readCertificate } from '../x509/index.ts';

export type Shown = string | number | boolean | readonly Shown[] | { readonly [name: string]: Shown };

/** What was found in the octets, ready to print: hex for octets, ISO 8601 for times. Never tag0, never r. */
export interface Inspection {
  kind: string;
  fields: Readonly<Record<string, Shown>>;
}

type Inspector = (der: Buffer, now: number) => Inspection | Promise<Inspection>;

const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');
const iso = (ms: number): string => new Date(ms).toISOString();

function showClaims(claims: Claims, now: number): Shown {
  const { bootstrap, newSho, notBefore, notAfter } = claims;
  const validity = now < notBefore ? 'not yet valid' : now > notAfter ? 'expired' : 'valid now';
  return {
    version: claims.version,
    serial: toHex(claims.serial),
    bootstrap: showBootstrap(bootstrap),
    m2meId: claims.m2meId,
    newSho: { id: newSho.id, keyHashes: newSho.keyHashes.map(toHex) },
    roId: claims.roId,
    permissions: { ...claims.permissions },
    notBefore: iso(notBefore),
    notAfter: iso(notAfter),
    validity,
    releaseLock: toHex(claims.releaseLock),
  };
}

function showBootstrap(bootstrap: Claims['bootstrap']): Shown {
  if ('btid' in bootstrap) return { btid: bootstrap.btid };
  return 'device' in bootstrap ? { device: toHex(bootstrap.device) } : { blinded: toHex(bootstrap.blinded) };
}

const showSigner = ({ subject, spkiSha256 }: Certificate): Shown => ({ subject, spkiSha256 });
/** r opens the release lock: its lock is shown instead, to be compared with the one in the claims. */
const showR = (r: Uint8Array): Shown => ({ present: true, releaseLock: toHex(releaseLock(r)) });

const TAGGED: readonly Inspector[] = [
  (der, now) => {
    const { claims, claimsDer, tag0 } = readToken(der);
    const fields = { claims: showClaims(claims, now), claimsSha256: sha256(claimsDer) };
    return { kind: 'token', fields: { ...fields, tag0: { present: true, fingerprint: tag0.id() } } };
  },
  async (der, now) => {
    const { claims, claimsDer, binding } = await readBoundToken(der);
    const fields = { claims: showClaims(claims, now), claimsSha256: sha256(claimsDer) };
    if ('tag1' in binding) return { kind: 'bound token', fields: { ...fields, tag1: toHex(binding.tag1) } };
    const { packageDigest, newShoId, signer } = binding.narrowing;
    const narrowing = { packageDigest: toHex(packageDigest), newShoId, signer: showSigner(signer) };
    return { kind: 'bound token (signed)', fields: { ...fields, narrowing } };
  },
  async (der, now) => {
    const { claims, claimsDer, device, operator } = await readSignedToken(der);
    const fields = { claims: showClaims(claims, now), claimsSha256: sha256(claimsDer), device: showSigner(device) };
    const countersigner = operator === undefined ? {} : { operator: showSigner(operator) };
    return { kind: 'token (signed)', fields: { ...fields, ...countersigner } };
  },
  (der, now) => ({
    kind: 'claims',
    fields: { claims: showClaims(decodeClaims(der), now), claimsSha256: sha256(der) },
  }),
  async (der) => {
    const { serial, m2meId, discardedAt, discardRecord } = await readUnregistration(der);
    const fields = { serial: toHex(serial), m2meId, discardedAt: iso(discardedAt) };
    return { kind: 'unregistration (step 9)', fields: { ...fields, discardRecord: toHex(discardRecord) } };
  },
  (der) => {
    const { serial, r } = readAcknowledgement(der);
    return { kind: 'acknowledgement (step 10)', fields: { serial: toHex(serial), r: showR(r) } };
  },
  (der) => {
    const { serial, r } = readRelay(der);
    return { kind: 'relay (step 11)', fields: { serial: toHex(serial), r: showR(r) } };
  },
  (der) => ({ kind: 'release (step 12)', fields: { serial: toHex(readRelease(der).serial) } }),
  (der) => {
    const { serial, packageDigest, outcome, reason } = readResult(der);
    const about = { serial: toHex(serial), packageDigest: toHex(packageDigest) };
    return { kind: 'result (step 13)', fields: { ...about, outcome, reason } };
  },
  async (der) => {
    const { serial, m2meId, reason } = await readReturn(der);
    return { kind: 'return', fields: { serial: toHex(serial), m2meId, reason } };
  },
];

const SIGNED: readonly Inspector[] = [
  async (der, now) => {
    const { m2meId, number, kind, announced, signer } = await readInstruction(der);
    const { claims, claimsDer } = await readAnnouncement(announced);
    const fields = { m2meId, number, kind, signer: showSigner(signer), claimsSha256: sha256(claimsDer) };
    return { kind: 'instruction (step 2)', fields: { ...fields, claims: showClaims(claims, now) } };
  },
  async (der) => {
    const { m2meId, nonce, orderId, measurements, treCertificate, signer } = await readQuote(der);
    const measured = Object.fromEntries(measurements.map(({ name, sha256: value }) => [name, toHex(value)]));
    const fields = { m2meId, nonce: toHex(nonce), orderId, measurements: measured };
    const treKey = showSigner(readCertificate(treCertificate));
    return { kind: 'quote (step 4)', fields: { ...fields, treCertificate: treKey, signer: showSigner(signer) } };
  },
  async (der) => {
    const { orderId, nonce, m2meId, positive, reason, notAfter, treCertificate, signer } = await readValidation(der);
    const fields = { orderId, nonce: toHex(nonce), m2meId, positive, reason, notAfter: iso(notAfter) };
    const treKey = showSigner(readCertificate(treCertificate));
    return { kind: 'validation (step 5)', fields: { ...fields, treCertificate: treKey, signer: showSigner(signer) } };
  },
  async (der) => {
    const { signer, envelope } = await verifyPackage(der);
    if (!isAuthEnvelopedData(envelope)) throw new GbaError('package-invalid', 'no AuthEnvelopedData inside');
    const sizes = { octets: der.length, envelopeOctets: envelope.length };
    return {
      kind: 'MCIM package (steps 6, 7)',
      fields: { ...sizes, packageSha256: toHex(packageDigest(der)), signer: showSigner(signer) },
    };
  },
];

const SIGNED_DATA = Buffer.from('06092a864886f70d010702', 'hex');
const AUTH_ENVELOPED_DATA = Buffer.from('060b2a864886f70d0109100117', 'hex');
/** The type of a ContentInfo is its first member: after the header of the SEQUENCE, 2 to 6 octets. */
const typeIs = (der: Buffer, oid: Buffer): boolean => {
  const at = der.indexOf(oid);
  return at >= 2 && at <= 6;
};
const isAuthEnvelopedData = (der: Buffer): boolean => typeIs(der, AUTH_ENVELOPED_DATA);

/**
 * Says what these octets are and what they say; `now` in milliseconds, for the validity. Throws `der-invalid`,
 * `token-version-unknown`, `token-kind-unknown`, and for signed messages `cms-invalid` or `signature-invalid`.
 */
export async function inspectToken(der: Buffer, now: number): Promise<Inspection> {
  checkStrictDer(der);
  let cause: unknown;
  for (const inspect of typeIs(der, SIGNED_DATA) ? SIGNED : TAGGED) {
    try {
      return await inspect(der, now);
    } catch (error) {
      // A token of another version is a token: that says more than "unknown".
      if (codeOf(error) === 'token-version-unknown') cause = error;
      if (!(error instanceof GbaError)) throw error;
      const inner = codeOf(error.cause);
      if (inner === 'cms-invalid' || inner === 'signature-invalid') throw error.cause;
    }
  }
  if (cause !== undefined) throw cause;
  throw new GbaError('token-kind-unknown', 'strict DER, but no token, claims, message or package of this product');
}
