import { GbaError } from '../../base/index.ts';
import { type DigestCredentials, parseAuthorization, type Qop } from '../../digest/index.ts';

/** What this NAF demands on this connection. */
export interface UaTerms {
  fqdn: string;
  realm: string;
  algorithm: string;
  qop: Qop;
}

export interface UaCredentials extends DigestCredentials {
  nc: string;
  cnonce: string;
}

/** Credentials to check, or the reason for a plain challenge. */
export type UaRequest = { kind: 'challenge'; reason: string } | { kind: 'credentials'; credentials: UaCredentials };

/**
 * Reads Authorization of a Ua request (TS 24.109 5.2; ua.md 3, 9). A missing or foreign credential asks for
 * bootstrapping; one that does not fit the challenge gets a new challenge. Throws `digest-malformed`, `digest-uri-wrong`.
 */
export function readUaRequest(authorization: readonly string[], target: string, terms: UaTerms): UaRequest {
  const header = authorization[0];
  if (header === undefined || !/^\s*digest(?:\s|$)/i.test(header))
    return { kind: 'challenge', reason: 'bootstrapping-required' };
  if (authorization.length > 1) throw new GbaError('digest-malformed', 'more than one Authorization header');
  const credentials = parseAuthorization(header);
  const { nonce, realm, qop, nc, cnonce } = credentials;
  if (nonce === '') return { kind: 'challenge', reason: 'bootstrapping-required' };
  if (realm !== terms.realm) return { kind: 'challenge', reason: 'digest-realm-wrong' };
  if ((credentials.algorithm ?? 'MD5') !== terms.algorithm)
    return { kind: 'challenge', reason: 'digest-algorithm-wrong' };
  // The offered quality or nothing: `auth` where `auth-int` was asked would leave the body unprotected.
  if (qop !== terms.qop || nc === undefined || cnonce === undefined) {
    return { kind: 'challenge', reason: 'digest-qop-wrong' };
  }
  if (!isSameTarget(credentials.uri, target, terms.fqdn)) {
    throw new GbaError('digest-uri-wrong', 'digest uri is not the request target');
  }
  return { kind: 'credentials', credentials: { ...credentials, nc, cnonce } };
}

/** Equal as text, or one in absolute form (a client behind a proxy) with this NAF's name and the same path and query. */
export function isSameTarget(uri: string, target: string, fqdn: string): boolean {
  if (uri === target) return true;
  const path = originForm(uri, fqdn);
  return path !== undefined && path === originForm(target, fqdn);
}

function originForm(text: string, fqdn: string): string | undefined {
  if (text.startsWith('/')) return text;
  const absolute = /^https?:\/\/([^/?#@:]+)(?::\d{1,5})?(\/[^#]*)?$/i.exec(text);
  if (absolute === null || absolute[1]?.toLowerCase() !== fqdn) return undefined;
  return absolute[2] ?? '/';
}

/** The identity a UE wants to act under belongs to the subscriber (TS 24.109 7.2); quoted or not (ua.md 9). */
export function mayIntend(intended: string, ueIds: readonly string[]): boolean {
  const identity = intended.trim().replace(/^"(.*)"$/, '$1');
  return ueIds.includes(identity);
}
