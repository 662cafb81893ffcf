import { GbaError } from '../base/index.ts';
import { parseParams, quoted, token } from './auth-params.ts';
import { type Qop, readNc, readQop } from './credentials.ts';

/** Authentication-Info (RFC 7616 3.5, TS 24.109 E.4). `rspauth` is lower-case hex. */
export interface AuthenticationInfo {
  rspauth?: string;
  qop?: Qop;
  cnonce?: string;
  nc?: string;
  nextnonce?: string;
}

const RSPAUTH = /^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{64})$/;

/** Throws `digest-malformed`. Unknown parameters are ignored. */
export function parseAuthenticationInfo(header: string): AuthenticationInfo {
  const params = parseParams(header);
  const rspauth = params.get('rspauth');
  if (rspauth !== undefined && !RSPAUTH.test(rspauth)) {
    throw new GbaError('digest-malformed', 'digest header: rspauth is not a hash in hexadecimal');
  }
  const qop = readQop(params);
  const nc = readNc(params);
  const cnonce = params.get('cnonce');
  const nextnonce = params.get('nextnonce');
  return {
    ...(rspauth === undefined ? {} : { rspauth: rspauth.toLowerCase() }),
    ...(qop === undefined ? {} : { qop }),
    ...(cnonce === undefined ? {} : { cnonce }),
    ...(nc === undefined ? {} : { nc }),
    ...(nextnonce === undefined ? {} : { nextnonce }),
  };
}

export function buildAuthenticationInfo(info: AuthenticationInfo): string {
  const parts: string[] = [];
  if (info.qop !== undefined) parts.push(`qop=${token(info.qop)}`);
  if (info.rspauth !== undefined) parts.push(`rspauth=${quoted(info.rspauth)}`);
  if (info.cnonce !== undefined) parts.push(`cnonce=${quoted(info.cnonce)}`);
  if (info.nc !== undefined) parts.push(`nc=${token(info.nc)}`);
  if (info.nextnonce !== undefined) parts.push(`nextnonce=${quoted(info.nextnonce)}`);
  return parts.join(', ');
}
