import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { uaIdOfCipherSuite } from '../gba/index.ts';

/** Headers by which an authentication proxy tells servers behind it who asks: never taken from a client (ua.md 3.6). */
const ASSERTIONS = ['x-3gpp-asserted-identity', 'x-3gpp-authorization-flags'];

/** Removes what only an authentication proxy may say, from the parsed and from the raw headers. */
export function stripAssertions(req: IncomingMessage): void {
  for (const name of ASSERTIONS) {
    if (req.headers[name] === undefined) continue;
    delete req.headers[name];
    for (let i = req.rawHeaders.length - 2; i >= 0; i -= 2) {
      if (req.rawHeaders[i]?.toLowerCase() === name) req.rawHeaders.splice(i, 2);
    }
  }
}

const uaIds = new WeakMap<object, Buffer>();

/** 01 00 01 yy zz of this very connection's suite (TS 33.220 H.3). */
export function uaIdOf(socket: TLSSocket): Buffer {
  const known = uaIds.get(socket);
  if (known !== undefined) return known;
  const uaId = uaIdOfCipherSuite(socket.getCipher().standardName);
  uaIds.set(socket, uaId);
  return uaId;
}
