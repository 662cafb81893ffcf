import { equalBytes, GbaError, remembered, type SecretKey } from '../base/index.ts';
import {
  type DerCodec,
  derBoolean,
  derChoice,
  derInteger,
  derOctets,
  derSequence,
  derSequenceOf,
  derText,
  derTime,
  encodeDer,
  headOf,
  parseDer,
} from '../x509/index.ts';
import { blindBtid } from './keys.ts';

/**
 * Whose word the claims need: a bootstrap of the machine with the old SHO (GBA variant), blinded or in clear, or the
 * machine's device key, named by SHA-256 of its SubjectPublicKeyInfo (signed variant).
 */
export type Bootstrap = { blinded: Buffer } | { btid: string } | { device: Buffer };

/** What the old SHO lets happen: this machine, to this new SHO, by this RO, in this time. Times in milliseconds. */
export interface Claims {
  version: 1;
  /** 16 random octets. */
  serial: Buffer;
  bootstrap: Bootstrap;
  m2meId: string;
  /** The new SHO and SHA-256 of the keys it may sign with (1 to 4). */
  newSho: { id: string; keyHashes: Buffer[] };
  roId: string;
  permissions: { install: boolean; unregister: boolean };
  notBefore: number;
  notAfter: number;
  /** SHA-256(r), 32 octets. */
  releaseLock: Buffer;
}

const VERSION = 1;

const bootstrap: DerCodec<Bootstrap> = derChoice<{ blinded: Buffer; btid: string; device: Buffer }>({
  blinded: derOctets(32),
  btid: derText(320),
  device: derOctets(32),
});
const codecOfVersion = derInteger(0, 255);
const codec = derSequence<Omit<Claims, 'version'> & { version: number }>({
  version: codecOfVersion,
  serial: derOctets(16),
  bootstrap,
  m2meId: derText(128),
  newSho: derSequence<Claims['newSho']>({ id: derText(253), keyHashes: derSequenceOf(derOctets(32), 1, 4) }),
  roId: derText(253),
  permissions: derSequence<Claims['permissions']>({ install: derBoolean, unregister: derBoolean }),
  notBefore: derTime,
  notAfter: derTime,
  releaseLock: derOctets(32),
});

/** Throws `token-der-invalid` for claims that no reader would take (an id too long, five key hashes). */
export function encodeClaims(claims: Claims): Buffer {
  return asToken(() => encodeDer(codec, claims));
}

/** Claims by their own octets: a machine reads those of its changes again at every turn. */
const decoded = remembered<Claims>(64);

/** Throws `token-der-invalid` or `token-version-unknown`. What is returned is for reading. */
export function decodeClaims(der: Uint8Array): Claims {
  const name = Buffer.from(der).toString('latin1');
  const known = decoded.get(name);
  if (known !== undefined) return known;
  const claims = readClaims(der);
  decoded.put(name, claims);
  return claims;
}

function readClaims(der: Uint8Array): Claims {
  const node = asToken(() => parseDer(der, { size: 4096 }));
  // The version first: another one may well have other members.
  const version = asToken(() => headOf(codecOfVersion, node));
  if (version !== VERSION) throw new GbaError('token-version-unknown', `claims version ${version} is not known`);
  return { ...asToken(() => codec.fromAsn(node)), version: VERSION };
}

/** Runs a codec; what it refuses is `token-der-invalid` here. */
export function asToken<T>(code: () => T): T {
  try {
    return code();
  } catch (cause) {
    throw new GbaError('token-der-invalid', 'the token is not strictly valid DER of its schema', { cause });
  }
}

/** The claims mean the bootstrap of `btid`, whose Ks_NAF(token) is given. */
export function meansBootstrap(claims: Claims, btid: string, ksNafToken: SecretKey): boolean {
  if ('device' in claims.bootstrap) return false;
  if ('btid' in claims.bootstrap) return claims.bootstrap.btid === btid;
  return equalBytes(claims.bootstrap.blinded, blindBtid(ksNafToken, claims.serial, btid));
}
