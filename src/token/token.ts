import { assertBytes, equalBytes, GbaError, SecretKey } from '../base/index.ts';
import {
  type Certificate,
  decodeDer,
  derOctets,
  derSequence,
  encodeDer,
  membersOf,
  type Signer,
} from '../x509/index.ts';
import { asToken, type Claims, decodeClaims, encodeClaims } from './claims.ts';
import { type Narrowing, readNarrowing, readSignedToken, sha256, signNarrowing } from './consent.ts';
import { hmac, type TokenKeys } from './keys.ts';
import type { Signed } from './signed-message.ts';

/** GBA variant: claims and tag0, as it goes from the old SHO by the owner to the new SHO, and no further. */
export interface Token {
  claims: Claims;
  claimsDer: Buffer;
  tag0: SecretKey;
}

/** Narrowed by the new SHO to one package, by tag1 or by its signature; this is what travels through the RO. */
export interface BoundToken {
  claims: Claims;
  claimsDer: Buffer;
  binding: { tag1: Buffer } | { narrowing: Signed<Narrowing> };
}

interface Wire {
  claims: Buffer;
  tag: Buffer;
}

const MAX_NARROWING = 4096;
// A bound token says so first, so that neither is ever read as the other.
const OCTET_STRING = 0x04;
const MAX_CLAIMS = 4096;
const tokenCodec = derSequence<Wire>({ claims: derOctets(1, MAX_CLAIMS), tag: derOctets(32) });
const boundCodec = derSequence<Wire & { kind: Buffer }>({
  kind: derOctets(5),
  claims: derOctets(1, MAX_CLAIMS),
  tag: derOctets(32, MAX_NARROWING),
});
const BOUND = Buffer.from('bound', 'ascii');

const tag0Of = (install: SecretKey, claimsDer: Uint8Array): Buffer => hmac(install, claimsDer);

function tag1Of(tag0: SecretKey, packageDigest: Uint8Array, newShoId: string): Buffer {
  assertBytes(packageDigest, 32, 'package digest');
  // The digest has a fixed length and stands first, so that no two pairs give the same octets.
  return hmac(tag0, packageDigest, Buffer.from(newShoId, 'utf8'));
}

export function makeToken(claims: Claims, { install }: Pick<TokenKeys, 'install'>): Buffer {
  const claimsDer = encodeClaims(claims);
  return encodeDer(tokenCodec, { claims: claimsDer, tag: tag0Of(install, claimsDer) });
}

/** Throws `token-der-invalid`, `token-version-unknown`. */
export function readToken(der: Uint8Array): Token {
  const wire = asToken(() => decodeDer(tokenCodec, der, { size: 8192 }));
  return { claims: decodeClaims(wire.claims), claimsDer: wire.claims, tag0: SecretKey.adopt(wire.tag) };
}

/** Is this the octets of a GBA token (or else, if anything, of a signed one)? */
export function isGbaToken(der: Uint8Array): boolean {
  const [claims, tag, more] = membersOf(der, { size: 8192 }) ?? [];
  if (claims?.tag !== OCTET_STRING || tag?.tag !== OCTET_STRING || more !== undefined) return false;
  return claims.value.length >= 1 && claims.value.length <= MAX_CLAIMS && tag.value.length === 32;
}

export function tokenTagMatches(token: Token, install: SecretKey): boolean {
  return equalBytes(token.tag0.bytes(), tag0Of(install, token.claimsDer));
}

/** The bound token for exactly this package: tag1 = HMAC-SHA-256(tag0, SHA-256(package) || new SHO id). */
export function narrowToken(token: Token, packageDigest: Uint8Array, newShoId: string): Buffer {
  const tag = tag1Of(token.tag0, packageDigest, newShoId);
  return encodeDer(boundCodec, { kind: BOUND, claims: token.claimsDer, tag });
}

/** A token of either variant in the hands of the new SHO. */
export interface OrderedToken {
  claims: Claims;
  claimsDer: Buffer;
  /** Signed variant: whose device key signed the claims. */
  device?: Certificate;
  /** The bound token for the package of this digest (32 octets). */
  narrow(packageDigest: Uint8Array, newSho: Signer): Promise<Buffer>;
  erase(): void;
}

/** Throws `token-der-invalid`, `token-version-unknown`, `token-signature-invalid`. */
export async function openToken(der: Uint8Array): Promise<OrderedToken> {
  if (isGbaToken(der)) {
    const token = readToken(der);
    // Claims that want a signature get nothing by a tag.
    if ('device' in token.claims.bootstrap)
      throw new GbaError('token-signature-missing', 'these claims need signatures');
    const { claims, claimsDer } = token;
    const narrow = async (digest: Uint8Array) => narrowToken(token, digest, claims.newSho.id);
    return { claims, claimsDer, narrow, erase: () => token.tag0.erase() };
  }
  const { claims, claimsDer, device } = await readSignedToken(der);
  return {
    claims,
    claimsDer,
    device,
    narrow: (digest, newSho) => narrowSigned(claims, claimsDer, digest, newSho),
    erase() {},
  };
}

async function narrowSigned(
  { newSho }: Claims,
  claimsDer: Buffer,
  digest: Uint8Array,
  signer: Signer,
): Promise<Buffer> {
  const fields = { claimsDigest: sha256(claimsDer), packageDigest: Buffer.from(digest), newShoId: newSho.id };
  return encodeDer(boundCodec, { kind: BOUND, claims: claimsDer, tag: await signNarrowing(fields, signer) });
}

/** Throws `token-der-invalid`, `token-version-unknown`, `token-signature-invalid`. */
export async function readBoundToken(der: Uint8Array): Promise<BoundToken> {
  const wire = asToken(() => {
    const read = decodeDer(boundCodec, der, { size: 12_288 });
    if (!read.kind.equals(BOUND)) throw new RangeError('not a bound token');
    return read;
  });
  const claims = decodeClaims(wire.claims);
  if ('device' in claims.bootstrap) {
    return { claims, claimsDer: wire.claims, binding: { narrowing: await readNarrowing(wire.tag) } };
  }
  if (wire.tag.length !== 32) throw new GbaError('token-der-invalid', 'tag1 has 32 octets');
  return { claims, claimsDer: wire.claims, binding: { tag1: wire.tag } };
}

/**
 * The machine's check, with no round trip: both tags are recomputed from K_install; without that key (signed variant) the
 * new SHO's signature over claims and package counts, by one of the keys that the claims list.
 */
export function bindingHolds(bound: BoundToken, install: SecretKey | undefined, packageDigest: Uint8Array): boolean {
  const { claims, claimsDer, binding } = bound;
  if (install !== undefined) return boundTagMatches(bound, install, packageDigest, claims.newSho.id);
  if (!('narrowing' in binding)) return false;
  const { signer, ...fields } = binding.narrowing;
  const listed = claims.newSho.keyHashes.some((hash) => equalBytes(hash, Buffer.from(signer.spkiSha256, 'hex')));
  const overBoth =
    equalBytes(fields.claimsDigest, sha256(claimsDer)) && equalBytes(fields.packageDigest, packageDigest);
  return listed && overBoth && fields.newShoId === claims.newSho.id;
}

export function boundTagMatches(
  { claimsDer, binding }: BoundToken,
  install: SecretKey,
  packageDigest: Uint8Array,
  newShoId: string,
): boolean {
  if (!('tag1' in binding)) return false;
  const tag0 = SecretKey.adopt(tag0Of(install, claimsDer));
  const matches = equalBytes(binding.tag1, tag1Of(tag0, packageDigest, newShoId));
  tag0.erase();
  return matches;
}
