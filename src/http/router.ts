import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeOf, GbaError, type Log, messageOf } from '../base/index.ts';
import { hasBody, readBody } from './body.ts';
import { parseJson, type Schema } from './json.ts';
import { type PeerIdentity, peerOf } from './peer.ts';
import { type CauseOf, sendProblem } from './problem.ts';

export type Listener = (req: IncomingMessage, res: ServerResponse) => void;

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

export interface RouterOptions {
  causeOf?: CauseOf;
  /** Headers that go with a refusal, by its code. */
  headersOf?: (code: string) => Record<string, string>;
  /** The one media type of request bodies; others are refused with 415. */
  takes?: string;
}

/** What a stranger sends is logged up to here. */
const LOGGED_PATH = 200;

/** A plain listener over a small table of routes; refusals become problem details and one log line. */
export function createRouter(routes: readonly Route[], log: Log, options: RouterOptions = {}): Listener {
  const compiled = routes.map((route) => ({ route, segments: route.path.split('/') }));
  return (req, res) => {
    void serve(compiled, options, req, res).catch((error: unknown) => {
      const code = codeOf(error);
      const fields = { method: req.method ?? '', path: pathOf(targetOf(req)).slice(0, LOGGED_PATH), code };
      if (error instanceof GbaError) log.info('refused', fields);
      else log.error('failed', { ...fields, message: messageOf(error) });
      sendProblem(res, error, options.headersOf?.(code), options.causeOf);
    });
  };
}

/** The request target in origin form; absolute form is taken as RFC 9112 3.2.2 demands. */
function targetOf(req: IncomingMessage): string {
  return (req.url ?? '/').replace(/^https?:\/\/[^/?#]*/i, '');
}

const pathOf = (target: string): string => target.split('?', 1)[0] ?? '/';

async function serve(
  table: readonly { route: Route; segments: string[] }[],
  options: RouterOptions,
  req: IncomingMessage,
  res: ServerResponse,
) {
  const target = targetOf(req);
  const path = pathOf(target);
  const parts = path.split('/');
  const onPath = table.filter(({ segments }) => fits(segments, parts));
  if (onPath.length === 0) throw new GbaError('not-found', 'no such resource');
  const match = onPath.find(({ route }) => route.method === req.method);
  if (match === undefined) {
    res.setHeader('Allow', onPath.map(({ route }) => route.method).join(', '));
    throw new GbaError('method-not-allowed', 'method not allowed here');
  }
  checkMediaType(req, options.takes);
  const body = await readBody(req, match.route.bodyLimit);
  const reply = await match.route.handle({
    req,
    params: paramsOf(match.segments, parts),
    query: new URLSearchParams(target.slice(path.length + 1)),
    body,
    peer: peerOf(req),
    json: (schema) => parseJson(body, schema),
  });
  sendReply(res, reply);
}

function checkMediaType(req: IncomingMessage, takes: string | undefined): void {
  const type = req.headers['content-type'];
  if (takes === undefined || type === undefined || !hasBody(req)) return;
  if (type.split(';', 1)[0]?.trim().toLowerCase() !== takes) {
    throw new GbaError('media-type-unsupported', `the body of this request is ${takes}`);
  }
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

export function sendReply(res: ServerResponse, reply: Reply): void {
  const body =
    reply.bytes ?? (reply.json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(reply.json), 'utf8'));
  const type = reply.type ?? (reply.json === undefined ? 'application/octet-stream' : 'application/json');
  res.writeHead(reply.status, {
    ...(body.length > 0 ? { 'content-type': type } : {}),
    // Not in a 204 (RFC 9110 8.6).
    ...(reply.status === 204 ? {} : { 'content-length': body.length }),
    'cache-control': 'no-store',
    ...reply.headers,
  });
  res.end(body);
}
