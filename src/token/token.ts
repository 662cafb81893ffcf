import { assertBytes, equalBytes, SecretKey } from '../base/index.ts';
import { decodeDer, derOctets, derSequence, encodeDer } from '../x509/index.ts';
import { asToken, type Claims, decodeClaims, encodeClaims } from './claims.ts';
import { hmac, type TokenKeys } from './keys.ts';

/** claims and tag0, as it goes from the old SHO by the owner to the new SHO, and no further. */
export interface Token {
  claims: Claims;
  claimsDer: Buffer;
  tag0: SecretKey;
}

/** claims and tag1: narrowed by the new SHO to one package; this is what travels through the RO. */
export interface BoundToken {
  claims: Claims;
  claimsDer: Buffer;
  tag1: Buffer;
}

interface Wire {
  claims: Buffer;
  tag: Buffer;
}

// A bound token says so first, so that neither is ever read as the other.
const tokenCodec = derSequence<Wire>({ claims: derOctets(1, 4096), tag: derOctets(32) });
const boundCodec = derSequence<Wire & { kind: Buffer }>({
  kind: derOctets(5),
  claims: derOctets(1, 4096),
  tag: derOctets(32),
});
const BOUND = Buffer.from('bound', 'ascii');

const tag0Of = (install: SecretKey, claimsDer: Uint8Array): Buffer => hmac(install, claimsDer);

function tag1Of(tag0: SecretKey, packageDigest: Uint8Array, newShoId: string): Buffer {
  assertBytes(packageDigest, 32, 'package digest');
  // The digest has a fixed length and stands first, so that no two pairs give the same octets.
  return hmac(tag0, packageDigest, Buffer.from(newShoId, 'utf8'));
}

export function makeToken(claims: Claims, keys: TokenKeys): Buffer {
  const claimsDer = encodeClaims(claims);
  return encodeDer(tokenCodec, { claims: claimsDer, tag: tag0Of(keys.install, claimsDer) });
}

/** Throws `token-der-invalid`, `token-version-unknown`. */
export function readToken(der: Uint8Array): Token {
  const wire = asToken(() => decodeDer(tokenCodec, der, { size: 8192 }));
  return { claims: decodeClaims(wire.claims), claimsDer: wire.claims, tag0: SecretKey.adopt(wire.tag) };
}

export function tokenTagMatches(token: Token, install: SecretKey): boolean {
  return equalBytes(token.tag0.bytes(), tag0Of(install, token.claimsDer));
}

/** The bound token for exactly this package: tag1 = HMAC-SHA-256(tag0, SHA-256(package) || new SHO id). */
export function narrowToken(token: Token, packageDigest: Uint8Array, newShoId: string): Buffer {
  const tag = tag1Of(token.tag0, packageDigest, newShoId);
  return encodeDer(boundCodec, { kind: BOUND, claims: token.claimsDer, tag });
}

/** Throws `token-der-invalid`, `token-version-unknown`. */
export function readBoundToken(der: Uint8Array): BoundToken {
  const wire = asToken(() => {
    const read = decodeDer(boundCodec, der, { size: 8192 });
    if (!read.kind.equals(BOUND)) throw new RangeError('not a bound token');
    return read;
  });
  return { claims: decodeClaims(wire.claims), claimsDer: wire.claims, tag1: wire.tag };
}

/** The machine's check, with no round trip: both tags are recomputed from K_install. */
export function boundTagMatches(
  bound: BoundToken,
  install: SecretKey,
  packageDigest: Uint8Array,
  newShoId: string,
): boolean {
  const tag0 = SecretKey.adopt(tag0Of(install, bound.claimsDer));
  const matches = equalBytes(bound.tag1, tag1Of(tag0, packageDigest, newShoId));
  tag0.erase();
  return matches;
}
