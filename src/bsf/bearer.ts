import { createHmac, createPublicKey, verify } from 'node:crypto';
import { z } from 'zod';
import { type Clock, equalBytes, fromHex, GbaError } from '../base/index.ts';
import { NBSP_GBA_SCOPE, parseJson, readTextFile, type Schema } from '../http/index.ts';
import type { OauthConfig } from './config.ts';

export interface BearerCheck {
  /**
   * `authorizations`: all such headers; `clients`: the names that the connection proved. Throws `bearer-missing`,
   * `bearer-invalid`, `bearer-scope` (no scope for this service), `forbidden` (token of another client).
   */
  check(authorizations: readonly string[], clients: readonly string[]): void;
}

const headerSchema = z.object({ alg: z.string(), crit: z.undefined().optional() });
/** AccessTokenClaims (TS 29.510); `aud` is an NF type or a list of instance ids. */
const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  scope: z.string(),
  exp: z.int(),
});

const bad = (why: string, cause?: unknown): GbaError =>
  new GbaError('bearer-invalid', `bearer token: ${why}`, cause === undefined ? {} : { cause });

/** What a refusal says in WWW-Authenticate (RFC 6750 3, 3.1); nothing for other refusals. */
export function bearerChallenge(code: string): Record<string, string> {
  const error = { 'bearer-missing': '', 'bearer-invalid': 'invalid_token', 'bearer-scope': 'insufficient_scope' }[code];
  if (error === undefined) return {};
  const parts = [`scope="${NBSP_GBA_SCOPE}"`, ...(error === '' ? [] : [`error="${error}"`])];
  return { 'www-authenticate': `Bearer ${parts.join(', ')}` };
}

/** Checks access tokens of TS 33.501 13.4.1: a JWS with exactly the configured algorithm, whatever its header says. */
export function createBearerCheck(config: OauthConfig, clock: Clock): BearerCheck {
  const keyText = readTextFile(config.keyFile).trim();
  const matches = config.algorithm === 'HS256' ? hs256(fromHex(keyText)) : es256(keyText);
  return {
    check([authorization, another], clients) {
      if (another !== undefined) throw bad('more than one');
      if (authorization === undefined) throw new GbaError('bearer-missing', 'a bearer token is required');
      const token = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/i.exec(authorization);
      const [, signed = '', signature = ''] = token ?? [];
      if (token === null || !matches(signed, Buffer.from(signature, 'base64url'))) throw bad('not genuine');
      const [header = '', payload = ''] = signed.split('.');
      if (part(header, headerSchema).alg !== config.algorithm) throw bad('another algorithm');
      const claims = part(payload, claimsSchema);
      const audiences = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
      if (claims.iss !== config.issuer || !audiences.includes(config.audience)) throw bad('not made for this BSF');
      if (claims.exp * 1000 <= clock.now()) throw bad('expired');
      if (!claims.scope.split(' ').includes(NBSP_GBA_SCOPE))
        throw new GbaError('bearer-scope', 'token without the scope');
      if (!clients.includes(claims.sub)) throw new GbaError('forbidden', 'token of another client');
    },
  };
}

function part<T>(text: string, schema: Schema<T>): T {
  try {
    return parseJson(Buffer.from(text, 'base64url'), schema);
  } catch (cause) {
    throw bad('its parts are not those of an access token', cause);
  }
}

type SignatureCheck = (signed: string, signature: Buffer) => boolean;

function hs256(key: Buffer): SignatureCheck {
  if (key.length < 32) throw new GbaError('config-invalid', 'an HS256 key has 32 octets or more');
  return (signed, signature) => equalBytes(createHmac('sha256', key).update(signed).digest(), signature);
}

function es256(pem: string): SignatureCheck {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new GbaError('config-invalid', 'an ES256 key is on P-256');
  }
  return (signed, signature) => verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, signature);
}
