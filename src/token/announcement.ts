import { equalBytes, type SecretKey } from '../base/index.ts';
import { type Certificate, membersOf } from '../x509/index.ts';
import { type Claims, decodeClaims, meansBootstrap } from './claims.ts';
import { readSignedToken, withoutCountersignature } from './consent.ts';
import type { MachineGrant } from './grant.ts';
import { deriveTokenKeys } from './keys.ts';
import { type BoundToken, bindingHolds, isGbaToken, readToken } from './token.ts';

/** What the owner announces to the machine (step 2): the claims, and in the signed variant who consented. */
export interface Announcement {
  claims: Claims;
  claimsDer: Buffer;
  consent?: { device: Certificate; operator?: Certificate };
}

/** Claims alone (GBA variant, or a request to sign), or a signed token. Throws what reading either throws. */
export async function readAnnouncement(announced: Uint8Array): Promise<Announcement> {
  if (isSigned(announced)) {
    const { claims, claimsDer, device, operator } = await readSignedToken(announced);
    return { claims, claimsDer, consent: { device, ...(operator === undefined ? {} : { operator }) } };
  }
  return { claims: decodeClaims(announced), claimsDer: Buffer.from(announced) };
}

const OCTET_STRING = 0x04;

/** A signed token begins with an OCTET STRING, claims begin with an INTEGER. */
function isSigned(announced: Uint8Array): boolean {
  return membersOf(announced)?.[0]?.tag === OCTET_STRING;
}

/** What the owner's instruction carries of a token: no tag0, because the local interface may be read. */
export function announcementOf(token: Uint8Array): Buffer {
  if (!isGbaToken(token)) return Buffer.from(token);
  const { claimsDer, tag0 } = readToken(token);
  tag0.erase();
  return claimsDer;
}

/** What the new SHO gets of a token: nothing that names the old SHO. */
export function orderFormOf(token: Uint8Array): Buffer {
  return isGbaToken(token) ? Buffer.from(token) : withoutCountersignature(token);
}

/** What the machine holds that can show consent. */
export interface ConsentCheck {
  /** Live bootstraps with their Ks_NAF(token). */
  bootstraps: readonly { btid: string; ksNaf: SecretKey }[];
  /** SHA-256 of the own device key. */
  deviceKey: Uint8Array;
  /** Is this the old SHO's signing certificate, valid now? */
  isOldSho(certificate: Certificate): boolean;
}

export type ConsentVerdict = { ok: true; secrets: SecretKey[] } | { ok: false; reason: string };

/**
 * The old SHO's consent, in whichever form the claims need: the bootstrap they mean gives the keys to pin; or the machine's
 * own signature and the old SHO's over it, then there is nothing to pin.
 */
export function judgeConsent({ claims, consent }: Announcement, check: ConsentCheck): ConsentVerdict {
  if (!('device' in claims.bootstrap)) {
    const meant = check.bootstraps.find(({ btid, ksNaf }) => meansBootstrap(claims, btid, ksNaf));
    if (meant === undefined) return { ok: false, reason: 'token-bootstrap-unknown' };
    const { install, unregister, ack, return: giveBack } = deriveTokenKeys(meant.ksNaf, claims.serial);
    return { ok: true, secrets: [install, unregister, ack, giveBack] };
  }
  if (!equalBytes(claims.bootstrap.device, check.deviceKey)) return { ok: false, reason: 'token-device-unknown' };
  if (consent === undefined) return { ok: false, reason: 'token-signature-missing' };
  if (!equalBytes(Buffer.from(consent.device.spkiSha256, 'hex'), check.deviceKey)) {
    return { ok: false, reason: 'token-device-unknown' };
  }
  if (consent.operator === undefined) return { ok: false, reason: 'token-countersignature-missing' };
  if (!check.isOldSho(consent.operator)) return { ok: false, reason: 'token-countersigner-untrusted' };
  return { ok: true, secrets: [] };
}

/** What the machine has to judge a bound token by. */
export interface Held {
  /** Pinned when the owner announced this serial. */
  pinned?: { grant: MachineGrant; claims: Claims } | undefined;
  bootstraps: ConsentCheck['bootstraps'];
  deviceKey: Uint8Array;
}

/**
 * Does `bound` narrow, to the package of this digest, a token that can only be the old SHO's (GBA variant) or wants this
 * machine's signature (signed variant)? Undefined when nothing held says anything of such claims.
 */
export function isNarrowed(bound: BoundToken, digest: Uint8Array, held: Held): boolean | undefined {
  const { claims } = bound;
  if (held.pinned !== undefined && isSameBootstrap(claims, held.pinned.claims)) {
    return held.pinned.grant.accepts(bound, digest);
  }
  if ('device' in claims.bootstrap) {
    return equalBytes(claims.bootstrap.device, held.deviceKey) ? bindingHolds(bound, undefined, digest) : undefined;
  }
  const meant = held.bootstraps.find(({ btid, ksNaf }) => meansBootstrap(claims, btid, ksNaf));
  if (meant === undefined) return undefined;
  const { install } = deriveTokenKeys(meant.ksNaf, claims.serial);
  return bindingHolds(bound, install, digest);
}

function isSameBootstrap({ bootstrap: a }: Claims, { bootstrap: b }: Claims): boolean {
  if ('btid' in a) return 'btid' in b && a.btid === b.btid;
  if ('device' in a) return 'device' in b && equalBytes(a.device, b.device);
  return 'blinded' in b && equalBytes(a.blinded, b.blinded);
}
