import { GbaError, type Random, type Sealer, SecretKey, toHex } from '../base/index.ts';
import type { Entry, Store } from '../store/index.ts';
import {
  type Claims,
  decodeClaims,
  encodeClaims,
  newReleaseGrant,
  type ReleaseGrant,
  releaseGrant,
} from '../token/index.ts';
import type { ReleaseState } from './flows.ts';

export const RELEASE = 'release';
/** One open release a machine: the serial. */
export const OPEN_RELEASE = 'open-release';

export interface ReleaseRecord {
  v: 1;
  state: ReleaseState;
  m2meId: string;
  impi: string;
  /** DER of the claims, base64. */
  claims: string;
  /** What `ReleaseGrant.secrets` says is to be pinned, 32 octets each, sealed together. */
  sealed: string;
  /** The countersigned token of the signed variant, base64: the same for every repeat. */
  token?: string;
  /** SHA-256 of the discard record, hexadecimal: with the serial, what the tombstone keeps. */
  discardRecord?: string;
}

const SECRET = 32;
export const releaseContext = (serial: string): string => `sho release ${serial}`;

export const claimsOf = (record: ReleaseRecord): Claims => decodeClaims(Buffer.from(record.claims, 'base64'));

export function findRelease(store: Store, serial: string): Promise<Entry<ReleaseRecord> | undefined> {
  return store.get<ReleaseRecord>(RELEASE, serial);
}

export function sealGrant(sealer: Sealer, serial: string, { secrets }: ReleaseGrant): string {
  const all = Buffer.concat(secrets.map((secret) => secret.bytes()));
  const sealed = sealer.seal(all, releaseContext(serial));
  all.fill(0);
  return sealed;
}

/** The caller erases it. */
export function openGrant(sealer: Sealer, serial: string, record: ReleaseRecord): ReleaseGrant {
  const all = sealer.open(record.sealed, releaseContext(serial));
  if (all.length % SECRET !== 0) throw new GbaError('release-record-invalid', 'the pinned keys are not whole');
  const secrets = Array.from({ length: all.length / SECRET }, (_, i) =>
    SecretKey.copyOf(all.bytes().subarray(i * SECRET, (i + 1) * SECRET)),
  );
  all.erase();
  return releaseGrant(claimsOf(record), secrets);
}

/** Stands in for a serial that is not here, so that looking for it costs the same work; no message fits its keys. */
export function decoyRelease(sealer: Sealer, random: Random): { key: string; value: ReleaseRecord } {
  const serial = random.bytes(16);
  const claims: Claims = {
    version: 1,
    serial,
    bootstrap: { blinded: random.bytes(32) },
    m2meId: 'nobody',
    newSho: { id: 'nobody', keyHashes: [random.bytes(32)] },
    roId: 'nobody',
    permissions: { install: false, unregister: false },
    notBefore: 0,
    notAfter: 0,
    releaseLock: random.bytes(32),
  };
  const key = toHex(serial);
  const secret = (): SecretKey => SecretKey.adopt(random.bytes(SECRET));
  const grant = newReleaseGrant(claims, secret(), secret());
  const common = { v: 1, state: 'returned', m2meId: 'nobody', impi: 'nobody' } as const;
  const value = {
    ...common,
    claims: encodeClaims(claims).toString('base64'),
    sealed: sealGrant(sealer, key, grant),
  };
  grant.erase();
  return { key, value };
}
