import { equalBytes, GbaError, type SecretKey } from '../base/index.ts';
import {
  type DerCodec,
  derBoolean,
  derChoice,
  derInteger,
  derOctets,
  derSequence,
  derSequenceOf,
  derTagged,
  derText,
  derTime,
  encodeDer,
  headOf,
  parseDer,
} from '../x509/index.ts';
import { blindBtid } from './keys.ts';

export type Bootstrap = { blinded: Buffer } | { btid: string };

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

const blinded: DerCodec<{ blinded: Buffer }> = wrapped('blinded', derTagged(0, derOctets(32)));
const clear: DerCodec<{ btid: string }> = wrapped('btid', derTagged(1, derText(320)));

function wrapped<K extends string, T>(name: K, inner: DerCodec<T>): DerCodec<Record<K, T>> {
  return {
    toAsn: (value) => inner.toAsn(value[name]),
    fromAsn: (node) => ({ [name]: inner.fromAsn(node) }) as Record<K, T>,
  };
}

const codecOfVersion = derInteger(0, 255);
const codec = derSequence<Omit<Claims, 'version'> & { version: number }>({
  version: codecOfVersion,
  serial: derOctets(16),
  bootstrap: derChoice(blinded, clear, (value): value is { blinded: Buffer } => 'blinded' in value),
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

/** Throws `token-der-invalid` or `token-version-unknown`. */
export function decodeClaims(der: Uint8Array): Claims {
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
  if ('btid' in claims.bootstrap) return claims.bootstrap.btid === btid;
  return equalBytes(claims.bootstrap.blinded, blindBtid(ksNafToken, claims.serial, btid));
}
