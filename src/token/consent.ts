import { createHash } from 'node:crypto';
import { equalBytes, GbaError } from '../base/index.ts';
import { type Certificate, decodeDer, derOctets, derSequence, derText, encodeDer, type Signer } from '../x509/index.ts';
import { asToken, type Claims, decodeClaims } from './claims.ts';
import { type Signed, signedMessage } from './signed-message.ts';

/**
 * The signed variant of the token: the machine's device key signs the claims, the old SHO signs that. The countersignature
 * names the old SHO, so it goes to the owner and the machine only; the new SHO gets the claims and the machine's signature.
 */
const INVALID = 'token-signature-invalid';
const MAX_SIGNATURE = 6144;

const consent = signedMessage<{ claims: Buffer }>(21, INVALID, { claims: derOctets(1, 4096) });
const countersignature = signedMessage<{ claimsDigest: Buffer; consentDigest: Buffer }>(22, INVALID, {
  claimsDigest: derOctets(32),
  consentDigest: derOctets(32),
});
const narrowing = signedMessage<Narrowing>(23, INVALID, {
  claimsDigest: derOctets(32),
  packageDigest: derOctets(32),
  newShoId: derText(253),
});

/** What the new SHO signs instead of tag1. */
export interface Narrowing {
  claimsDigest: Buffer;
  packageDigest: Buffer;
  newShoId: string;
}

export const sha256 = (octets: Uint8Array): Buffer => createHash('sha256').update(octets).digest();

interface Wire {
  kind: Buffer;
  claims: Buffer;
  consent: Buffer;
  /** Empty in the form for the new SHO. */
  countersignature: Buffer;
}

const KIND = Buffer.from('signed', 'ascii');
const codec = derSequence<Wire>({
  kind: derOctets(KIND.length),
  claims: derOctets(1, 4096),
  consent: derOctets(1, MAX_SIGNATURE),
  countersignature: derOctets(0, MAX_SIGNATURE),
});

/** Claims with the signatures that were found good; whose they are is the reader's business. */
export interface SignedToken {
  claims: Claims;
  claimsDer: Buffer;
  /** The machine's signature, DER. */
  consent: Buffer;
  device: Certificate;
  /** Who countersigned; absent in the form for the new SHO. */
  operator?: Certificate;
}

/** The machine's signature over the claims, with its device key. */
export function makeConsent(claimsDer: Uint8Array, device: Signer): Promise<Buffer> {
  return consent.make({ claims: Buffer.from(claimsDer) }, device);
}

/** Who signed exactly these claims. Throws `token-signature-invalid`. */
export async function readConsent(der: Uint8Array, claimsDer: Uint8Array): Promise<Certificate> {
  const { claims, signer } = await consent.read(der);
  if (!equalBytes(claims, claimsDer)) throw new GbaError(INVALID, 'the signature is over other claims');
  return signer;
}

/** The whole token, countersigned by the old SHO. */
export async function countersign(claimsDer: Uint8Array, machineConsent: Uint8Array, sho: Signer): Promise<Buffer> {
  const digests = { claimsDigest: sha256(claimsDer), consentDigest: sha256(machineConsent) };
  const octets = await countersignature.make(digests, sho);
  const fields = { claims: Buffer.from(claimsDer), consent: Buffer.from(machineConsent), countersignature: octets };
  return asToken(() => encodeDer(codec, { kind: KIND, ...fields }));
}

/** The form for the new SHO: nothing in it names the old SHO. */
export function withoutCountersignature(der: Uint8Array): Buffer {
  const wire = decodeWire(der);
  return encodeDer(codec, { ...wire, countersignature: Buffer.alloc(0) });
}

function decodeWire(der: Uint8Array): Wire {
  return asToken(() => {
    const wire = decodeDer(codec, der, { size: 32_768 });
    if (!wire.kind.equals(KIND)) throw new RangeError('not a signed token');
    return wire;
  });
}

/** Throws `token-der-invalid`, `token-version-unknown`, `token-signature-invalid`. */
export async function readSignedToken(der: Uint8Array): Promise<SignedToken> {
  const wire = decodeWire(der);
  const claims = decodeClaims(wire.claims);
  const device = await readConsent(wire.consent, wire.claims);
  const read = { claims, claimsDer: wire.claims, consent: wire.consent, device };
  if (wire.countersignature.length === 0) return read;
  const { claimsDigest, consentDigest, signer } = await countersignature.read(wire.countersignature);
  if (!equalBytes(claimsDigest, sha256(wire.claims)) || !equalBytes(consentDigest, sha256(wire.consent))) {
    throw new GbaError(INVALID, 'the countersignature is over another token');
  }
  return { ...read, operator: signer };
}

export function signNarrowing(fields: Narrowing, newSho: Signer): Promise<Buffer> {
  return narrowing.make(fields, newSho);
}

export function readNarrowing(der: Uint8Array): Promise<Signed<Narrowing>> {
  return narrowing.read(der);
}
