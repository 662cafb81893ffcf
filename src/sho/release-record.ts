import { GbaError, type Sealer, SecretKey } from '../base/index.ts';
import type { Entry, Store } from '../store/index.ts';
import { type Claims, decodeClaims, type ReleaseGrant, releaseGrant } from '../token/index.ts';
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
const contextOf = (serial: string): string => `sho release ${serial}`;

export const claimsOf = (record: ReleaseRecord): Claims => decodeClaims(Buffer.from(record.claims, 'base64'));

export function findRelease(store: Store, serial: string): Promise<Entry<ReleaseRecord> | undefined> {
  return store.get<ReleaseRecord>(RELEASE, serial);
}

export function sealGrant(sealer: Sealer, serial: string, { secrets }: ReleaseGrant): string {
  const all = Buffer.concat(secrets.map((secret) => secret.bytes()));
  const sealed = sealer.seal(all, contextOf(serial));
  all.fill(0);
  return sealed;
}

/** The caller erases it. */
export function openGrant(sealer: Sealer, serial: string, record: ReleaseRecord): ReleaseGrant {
  const all = sealer.open(record.sealed, contextOf(serial));
  if (all.length % SECRET !== 0) throw new GbaError('release-record-invalid', 'the pinned keys are not whole');
  const secrets = Array.from({ length: all.length / SECRET }, (_, i) =>
    SecretKey.copyOf(all.bytes().subarray(i * SECRET, (i + 1) * SECRET)),
  );
  all.erase();
  return releaseGrant(claimsOf(record), secrets);
}
