import { createHash, type X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { GbaError } from '../base/index.ts';

/** What a verified TLS client certificate says. */
export interface PeerIdentity {
  /** SAN dNSName entries; the CN only when there are none (RFC 6125 6.4.4). */
  names: readonly string[];
  /** NF instance ids: SAN entries `urn:uuid:…` (TS 33.310 6.1.3c), lower case. */
  instanceIds: readonly string[];
  /** SHA-256 of its key, hexadecimal. */
  spkiSha256: string;
}

const identities = new WeakMap<object, PeerIdentity>();

/** The identity of the verified client certificate of this connection, if there is one. */
export function peerOf(req: IncomingMessage): PeerIdentity | undefined {
  const socket = req.socket as Partial<TLSSocket> & object;
  if (socket.authorized !== true || typeof socket.getPeerX509Certificate !== 'function') return undefined;
  const known = identities.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const identity = identityOf(certificate);
  identities.set(socket, identity);
  return identity;
}

/** Requires a client certificate that carries one of `names`; returns the name that matched. Throws `forbidden`. */
export function requirePeer(peer: PeerIdentity | undefined, names: readonly string[]): string {
  if (peer === undefined) throw new GbaError('unauthenticated', 'a client certificate is required');
  const name = names.find((candidate) => peer.names.includes(candidate));
  if (name === undefined) throw new GbaError('forbidden', 'this client may not use this resource');
  return name;
}

export function identityOf(certificate: X509Certificate): PeerIdentity {
  const san = sanEntries(certificate.subjectAltName ?? '');
  const dns = san.filter(({ kind }) => kind === 'DNS').map(({ value }) => value);
  const cn = /(?:^|\n)CN=([^\n]+)/.exec(certificate.subject)?.[1];
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' });
  return {
    names: dns.length > 0 || cn === undefined ? dns : [cn],
    instanceIds: san.flatMap(({ kind, value }) => (kind === 'URI' ? (URN_UUID.exec(value)?.[1] ?? []) : [])).map(lower),
    spkiSha256: createHash('sha256').update(spki).digest('hex'),
  };
}

const URN_UUID = /^urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
const lower = (text: string): string => text.toLowerCase();

/** One entry of Node's text: the value bare, or as a JSON string when it has a comma or a quote in it. */
const ENTRY = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** A value may itself look like `, DNS:other`: so the text is read entry by entry, and not at all when it is odd. */
function sanEntries(text: string): { kind: string; value: string }[] {
  const found: { kind: string; value: string }[] = [];
  ENTRY.lastIndex = 0;
  for (let at = 0; at < text.length; at = ENTRY.lastIndex) {
    const [, kind = '', value = ''] = ENTRY.exec(text) ?? [];
    if (kind === '') return [];
    found.push({ kind, value: value.startsWith('"') ? String(JSON.parse(value)) : value });
  }
  return found;
}
