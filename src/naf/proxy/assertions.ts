import { GbaError } from '../../base/index.ts';
import type { GbaIdentity } from '../sessions.ts';

/** What the server behind is told of the subscriber: the IMPI, the identities of the USSs, or the B-TID (a pseudonym). */
export const ASSERTED = ['impi', 'identities', 'btid'] as const;
export type Asserted = (typeof ASSERTED)[number];

/**
 * X-3GPP-Asserted-Identity and X-3GPP-Authorization-Flags for a proven subscriber (TS 24.109 7.3, annex G; TS 33.222 6): lists of
 * quoted strings. A UE that says which of its identities it means gets that one alone. Throws `forbidden` when there is nothing to
 * assert: a request without an identity would pass for anybody's.
 */
export function assertionsOf(identity: GbaIdentity, asserted: Asserted, intended?: string): Map<string, string> {
  const identities = identitiesOf(identity, asserted, intended);
  if (identities.length === 0) throw new GbaError('forbidden', 'there is no identity that could be asserted');
  const flags = new Set((identity.uss ?? []).flatMap(({ flags = [] }) => flags.map(({ flag }) => String(flag))));
  const headers = new Map([['x-3gpp-asserted-identity', list(identities)]]);
  if (flags.size > 0) headers.set('x-3gpp-authorization-flags', list([...flags]));
  return headers;
}

function identitiesOf({ btid, impi, uss = [] }: GbaIdentity, asserted: Asserted, intended?: string): string[] {
  if (asserted === 'btid') return [btid];
  if (asserted === 'impi') return impi === undefined ? [] : [impi];
  const own = [...new Set(uss.flatMap(({ ueIds }) => ueIds.map(({ ueId }) => ueId)))];
  if (intended === undefined) return own;
  const meant = intended.trim().replace(/^"(.*)"$/, '$1');
  return own.filter((one) => one === meant);
}

/** Octets of UTF-8, one character each, as header fields carry them. */
function list(values: readonly string[]): string {
  return values
    .map((value) => {
      if (/\p{Cc}/u.test(value))
        throw new GbaError('forbidden', 'an identity has a character that no header can carry');
      return `"${Buffer.from(value, 'utf8').toString('latin1').replace(/["\\]/g, '\\$&')}"`;
    })
    .join(', ');
}
