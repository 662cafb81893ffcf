import { equalBytes } from '../../base/index.ts';
import { isHostName } from '../../gba/index.ts';
import type { Claims } from '../../token/index.ts';
import type { Certificate } from '../../x509/index.ts';
import { type Refusal, refuse } from './refusal.ts';

export type PackageVerdict = { ok: true } | Refusal;

const GOOD: PackageVerdict = { ok: true };

/** The announced size, before the first octet is fetched; 0 says that the package is here already. */
export function acceptSize(size: number, limit: number): PackageVerdict {
  return size >= 0 && size <= limit ? GOOD : refuse('package-too-large');
}

/** The whole download against the size and digest (32 octets) that tag1 was checked with. */
export function acceptDownload(
  got: { size: number; digest: Uint8Array },
  announced: { size: number; digest: Uint8Array },
): PackageVerdict {
  const same = got.size === announced.size && equalBytes(got.digest, announced.digest);
  return same ? GOOD : refuse('package-digest-mismatch');
}

/**
 * The signer is the new SHO named, by one of the keys listed. Not final: whoever holds the token could have narrowed it to
 * a package of his own.
 */
export function acceptSigner(signer: Certificate, { newSho }: Claims): PackageVerdict {
  const named = signer.subject === newSho.id || signer.names.includes(newSho.id);
  const listed = newSho.keyHashes.some((hash) => equalBytes(hash, Buffer.from(signer.spkiSha256, 'hex')));
  return named && listed ? GOOD : refuse('package-signer-unknown');
}

export interface PackageContent {
  newShoId: string;
  m2meId: string;
  serial: Uint8Array;
  bsf: { fqdn: string; url: string };
  sho: { id: string; url: string };
}

/**
 * What stands inside, against the claims; and addresses that the machine can use, because after step 8 there is no way
 * back from a subscription that cannot connect. Final: the new SHO itself signed it.
 */
export function acceptContent(inside: PackageContent, claims: Claims): PackageVerdict {
  const bound =
    inside.newShoId === claims.newSho.id &&
    inside.sho.id === claims.newSho.id &&
    inside.m2meId === claims.m2meId &&
    equalBytes(inside.serial, claims.serial);
  if (!bound) return refuse('package-binding-mismatch', true);
  return isUsable(inside) ? GOOD : refuse('package-invalid', true);
}

/** A package that is put in before any token names a serial: the operator and the machine stand inside, no serial. */
export function acceptPreload(inside: PackageContent, shoId: string, m2meId: string): PackageVerdict {
  const bound =
    inside.newShoId === shoId &&
    inside.sho.id === shoId &&
    inside.m2meId === m2meId &&
    equalBytes(inside.serial, Buffer.alloc(16));
  if (!bound) return refuse('package-binding-mismatch', true);
  return isUsable(inside) ? GOOD : refuse('package-invalid', true);
}

function isUsable({ bsf, sho }: PackageContent): boolean {
  return (
    isNafName(sho.id) &&
    isNafName(bsf.fqdn) &&
    ['http:', 'https:'].includes(protocolOf(bsf.url)) &&
    protocolOf(sho.url) === 'https:'
  );
}

function isNafName(name: string): boolean {
  return isHostName(name) && name === name.toLowerCase();
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : '';
}
