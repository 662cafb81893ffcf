import { createHash, type X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { codeOf, GbaError, type Log, messageOf } from '../base/index.ts';
import { readBody } from './body.ts';
import { type CauseOf, sendProblem } from './problem.ts';

export type Listener = (req: IncomingMessage, res: ServerResponse) => void;

/** What a verified TLS client certificate says: its names (SAN dNSName entries and CN) and its key's SHA-256 (hex). */
export interface PeerIdentity {
  names: readonly string[];
  spkiSha256: string;
}

/** A schema in the zod sense: `parse` returns the value or throws. */
export interface Schema<T> {
  parse(value: unknown): T;
}

export interface RequestContext {
  req: IncomingMessage;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  body: Buffer;
  peer: PeerIdentity | undefined;
  /** The body as JSON checked by `schema`; throws `json-invalid`. */
  json<T>(schema: Schema<T>): T;
}

export interface Reply {
  status: number;
  json?: unknown;
  bytes?: Uint8Array;
  type?: string;
  headers?: Record<string, string>;
}

export interface Route {
  method: string;
  /** Literal segments and `:name` parameters, e.g. `/owner/v1/orders/:orderId`. */
  path: string;
  bodyLimit?: number;
  handle(context: RequestContext): Reply | Promise<Reply>;
}

/** A plain listener over a small table of routes; refusals become problem details and one log line. */
export function createRouter(routes: readonly Route[], log: Log, options: { causeOf?: CauseOf } = {}): Listener {
  const compiled = routes.map((route) => ({ route, segments: route.path.split('/') }));
  return (req, res) => {
    void serve(compiled, req, res).catch((error: unknown) => {
      const fields = { method: req.method ?? '', path: pathOf(req), code: codeOf(error) };
      if (error instanceof GbaError) log.info('refused', fields);
      else log.error('failed', { ...fields, message: messageOf(error) });
      sendProblem(res, error, {}, options.causeOf);
    });
  };
}

function pathOf(req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0] ?? '/';
}

async function serve(
  table: readonly { route: Route; segments: string[] }[],
  req: IncomingMessage,
  res: ServerResponse,
) {
  const path = pathOf(req);
  const parts = path.split('/');
  const onPath = table.filter(({ segments }) => fits(segments, parts));
  if (onPath.length === 0) throw new GbaError('not-found', 'no such resource');
  const match = onPath.find(({ route }) => route.method === req.method);
  if (match === undefined) throw new GbaError('method-not-allowed', 'method not allowed here');
  const body = await readBody(req, match.route.bodyLimit);
  const reply = await match.route.handle({
    req,
    params: paramsOf(match.segments, parts),
    query: new URLSearchParams((req.url ?? '').slice(path.length + 1)),
    body,
    peer: peerOf(req),
    json: (schema) => parseJson(body, schema),
  });
  sendReply(res, reply);
}

function fits(segments: readonly string[], parts: readonly string[]): boolean {
  return (
    segments.length === parts.length &&
    segments.every((s, i) => s === parts[i] || (s.startsWith(':') && parts[i] !== ''))
  );
}

function paramsOf(segments: readonly string[], parts: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  segments.forEach((segment, i) => {
    if (!segment.startsWith(':')) return;
    try {
      params[segment.slice(1)] = decodeURIComponent(parts[i] ?? '');
    } catch (cause) {
      throw new GbaError('not-found', 'path is not valid percent-encoding', { cause });
    }
  });
  return params;
}

/** JSON octets (fatal UTF-8) checked by `schema`; throws `json-invalid` with the first complaint. */
export function parseJson<T>(body: Uint8Array, schema: Schema<T>): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
  } catch (cause) {
    throw new GbaError('json-invalid', 'the body is not the JSON this resource takes', { cause });
  }
}

export function sendReply(res: ServerResponse, reply: Reply): void {
  const body =
    reply.bytes ?? (reply.json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(reply.json), 'utf8'));
  const type = reply.type ?? (reply.json === undefined ? 'application/octet-stream' : 'application/json');
  res.writeHead(reply.status, {
    ...(body.length > 0 ? { 'content-type': type } : {}),
    'content-length': body.length,
    'cache-control': 'no-store',
    ...reply.headers,
  });
  res.end(body);
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

function identityOf(certificate: X509Certificate): PeerIdentity {
  const dns = (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice(4));
  const cn = /(?:^|\n)CN=([^\n]+)/.exec(certificate.subject)?.[1];
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' });
  return {
    names: cn === undefined || dns.includes(cn) ? dns : [...dns, cn],
    spkiSha256: createHash('sha256').update(spki).digest('hex'),
  };
}

/** Requires a client certificate that carries one of `names`; returns the name that matched. Throws `forbidden`. */
export function requirePeer(peer: PeerIdentity | undefined, names: readonly string[]): string {
  if (peer === undefined) throw new GbaError('unauthenticated', 'a client certificate is required');
  const name = names.find((candidate) => peer.names.includes(candidate));
  if (name === undefined) throw new GbaError('forbidden', 'this client may not use this resource');
  return name;
}
