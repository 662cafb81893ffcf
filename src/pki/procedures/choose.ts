import type { IssuedRecord } from '../records.ts';

export interface Asked {
  spkiSha256: string;
  authority: string;
  now: number;
  /** When a certificate issued now would end. */
  notAfter: number;
  renewMs: number;
  maxKeys: number;
}

export type Choice = { kind: 'return'; record: IssuedRecord } | { kind: 'issue' } | { kind: 'refuse'; code: string };

/**
 * What a subject's request for a key leads to. `live`: its certificates that are neither ended nor revoked. The same key
 * gets the certificate that it has, until that is due for renewal and a later end can be given.
 */
export function choose(live: readonly IssuedRecord[], asked: Asked): Choice {
  const ours = live.filter(({ authority }) => authority === asked.authority);
  const [latest] = ours
    .filter(({ spkiSha256 }) => spkiSha256 === asked.spkiSha256)
    .sort((a, b) => b.notAfter - a.notAfter);
  if (latest !== undefined) {
    const due = latest.notAfter - asked.now <= asked.renewMs && asked.notAfter > latest.notAfter;
    return due ? { kind: 'issue' } : { kind: 'return', record: latest };
  }
  const keys = new Set(ours.map(({ spkiSha256 }) => spkiSha256));
  return keys.size < asked.maxKeys ? { kind: 'issue' } : { kind: 'refuse', code: 'too-many-keys' };
}
