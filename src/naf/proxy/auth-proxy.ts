import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { codeOf, GbaError, type Log, messageOf } from '../../base/index.ts';
import { hasBody, type Listener, sendProblem, type TlsCredentials } from '../../http/index.ts';
import { assertionsOf } from './assertions.ts';
import type { ProxyConfig } from './config.ts';
import { answerHeaders, cameThrough, type Headers, requestHeaders } from './headers.ts';
import { upstreamPath } from './target.ts';

export interface AuthProxyOptions extends ProxyConfig {
  /** The NAF's own name. */
  fqdn: string;
  /** For an `https` upstream: its authority, and our certificate, by which it knows that only we ask. */
  tls: TlsCredentials;
  log: Log;
}

const MAX_SOCKETS = 256;
/** TRACE would show the client what the proxy asserts; the others are no requests to an origin. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['TRACE', 'TRACK', 'CONNECT']);
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const WITH_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/**
 * The authentication proxy of TS 33.222 clause 6, behind `gbaAuth`: hands proven requests to the server behind it, with the identity
 * that it asserts. Bodies are streamed both ways. Answers 502 when that server is not there or asks for credentials, 504 when it is
 * silent, 413, 501 for Upgrade, 405 for TRACE and CONNECT, 508 for a loop.
 */
export function createAuthProxy(options: AuthProxyOptions): { listener: Listener; close(): void } {
  const url = new URL(options.upstream);
  const secure = url.protocol === 'https:';
  const { cert, key, ca } = options.tls;
  const pool = { keepAlive: true, maxSockets: MAX_SOCKETS };
  const servername = options.serverName ?? url.hostname;
  const agent = secure
    ? new HttpsAgent({ ...pool, cert, key, ca, servername, minVersion: 'TLSv1.2' })
    : new HttpAgent(pool);
  const where: RequestOptions = {
    agent,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    timeout: options.timeoutSeconds * 1000,
  };
  const prefix = url.pathname.replace(/\/$/, '');
  const open = secure ? httpsRequest : httpRequest;

  function listener(req: IncomingMessage, res: ServerResponse): void {
    const refuse = (error: unknown): void => {
      const code = codeOf(error);
      if (error instanceof GbaError) options.log.info('proxy-refused', { code, method: req.method ?? '' });
      else options.log.error('proxy-failed', { code, message: messageOf(error) });
      // What is left of the body is read away, so that the client hears of it.
      if (!req.readableEnded) req.resume();
      sendProblem(res, error);
    };
    try {
      const { path, headers } = requestFor(req);
      forward({ req, res, refuse, limits: options, fqdn: options.fqdn }, () => {
        const out = open({ ...where, method: req.method ?? 'GET', path });
        setAll(out, headers);
        return out;
      });
    } catch (error) {
      refuse(error);
    }
  }

  function requestFor(req: IncomingMessage): { path: string; headers: Headers } {
    const { fqdn } = options;
    const method = req.method ?? '';
    if (req.gba === undefined) throw new GbaError('forbidden', 'no subscriber stands behind this request');
    if (REFUSED_METHODS.has(method)) throw new GbaError('method-not-allowed', 'method not allowed here');
    if (req.headers.upgrade !== undefined) throw new GbaError('upgrade-refused', 'only HTTP/1.1 goes through');
    if (cameThrough(req.headers.via, fqdn)) throw new GbaError('proxy-loop', 'this request was here before');
    const body = bodyOf(req);
    if (typeof body === 'number' && body > options.maxBodyBytes) throw tooLarge(options.maxBodyBytes);
    const intended = req.headers['x-3gpp-intended-identity'];
    const assertions = assertionsOf(req.gba, options.assert, typeof intended === 'string' ? intended : undefined);
    const hop = {
      fqdn,
      httpVersion: req.httpVersion,
      clientAddress: req.socket.remoteAddress ?? 'unknown',
      secure: 'encrypted' in req.socket,
      host: url.host,
      body,
    };
    return {
      path: upstreamPath(req.originalUrl ?? req.url ?? '', prefix),
      headers: requestHeaders(req.rawHeaders, hop, assertions),
    };
  }

  return { listener, close: () => agent.destroy() };
}

function bodyOf(req: IncomingMessage): number | 'chunked' | undefined {
  if (req.headers['transfer-encoding'] !== undefined) return 'chunked';
  if (hasBody(req)) return Number(req.headers['content-length']);
  return WITH_CONTENT.has(req.method ?? '') ? 0 : undefined;
}

const tooLarge = (limit: number): GbaError => new GbaError('body-too-large', `body is over ${limit} octets`);

function setAll(message: ClientRequest | ServerResponse, headers: Headers): void {
  for (const [name, [first = '', ...more]] of headers)
    message.setHeader(name, more.length > 0 ? [first, ...more] : first);
}

interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  refuse(error: unknown): void;
  limits: Pick<ProxyConfig, 'maxBodyBytes' | 'maxAnswerBytes' | 'timeoutSeconds'>;
  fqdn: string;
}

/** One request and its answer; whatever goes wrong ends both sides, once. */
function forward(exchange: Exchange, start: () => ClientRequest, again = true): void {
  const { req, res, limits } = exchange;
  const out = start();
  let over = false;
  let deadline: NodeJS.Timeout | undefined;
  const end = (act: () => void): void => {
    if (over) return;
    over = true;
    clearTimeout(deadline);
    res.off('close', onClientGone);
    if (!req.readableEnded) {
      // An answer before the end of the body: nobody wants the rest of it.
      req.unpipe(out);
      req.resume();
    }
    act();
    if (!out.writableFinished) out.destroy();
  };
  const fail = (error: GbaError): void =>
    end(() => {
      out.destroy();
      exchange.refuse(error);
    });
  const onClientGone = (): void => end(() => out.destroy());
  const silent = (): void => fail(new GbaError('upstream-timeout', 'the server behind this proxy is silent'));

  res.on('close', onClientGone);
  out.on('timeout', silent);
  // However it drips in, the header of the answer has one such time from the end of the request on.
  out.on('finish', () => {
    if (!over) deadline = setTimeout(silent, limits.timeoutSeconds * 1000);
  });
  out.on('error', (cause: NodeJS.ErrnoException) => {
    // A connection that was kept may have been closed at the other end meanwhile: nothing of this request was looked at.
    const stale = out.reusedSocket && cause.code === 'ECONNRESET' && REPEATABLE.has(req.method ?? '') && !hasBody(req);
    if (stale && again && !over) end(() => forward(exchange, start, false));
    else fail(new GbaError('upstream-unreachable', 'the server behind this proxy gives no answer', { cause }));
  });
  out.on('upgrade', (_answer, socket) => {
    socket.destroy();
    fail(new GbaError('upstream-refused', 'the server behind this proxy changed the protocol'));
  });
  out.on('response', (answer) => {
    clearTimeout(deadline);
    if (over) return void answer.destroy();
    try {
      deliver(exchange, answer, fail, end);
    } catch (cause) {
      fail(new GbaError('upstream-refused', 'the server behind this proxy sent what cannot be passed on', { cause }));
    }
  });

  let size = 0;
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limits.maxBodyBytes) fail(tooLarge(limits.maxBodyBytes));
  });
  if (hasBody(req)) req.pipe(out);
  else out.end();
}

function deliver(
  { req, res, limits, fqdn }: Exchange,
  answer: IncomingMessage,
  fail: (error: GbaError) => void,
  end: (act: () => void) => void,
): void {
  const status = answer.statusCode ?? 502;
  // A challenge of that server would start a bootstrapping at the UE, and its credentials never get there.
  if (status === 401 || status === 407) {
    throw new GbaError('upstream-refused', 'the server behind this proxy asks for credentials of its own');
  }
  // Held back until it is whole, because rspauth covers it: so it must have an end in sight.
  const held = !('encrypted' in req.socket);
  const tooMuch = (): void => fail(new GbaError('upstream-refused', 'the answer is too large to be signed'));
  if (held && Number(answer.headers['content-length'] ?? 0) > limits.maxAnswerBytes && req.method !== 'HEAD') {
    tooMuch();
    return;
  }
  const headers = answerHeaders(answer.rawHeaders, { fqdn, httpVersion: answer.httpVersion });
  try {
    setAll(res, headers);
    res.writeHead(status);
  } catch (error) {
    for (const name of headers.keys()) res.removeHeader(name);
    throw error;
  }
  let size = 0;
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (held && size > limits.maxAnswerBytes) tooMuch();
  });
  // Cut off: what the UE has got so far must not look whole.
  answer.on('error', () => end(() => res.destroy()));
  answer.on('aborted', () => end(() => res.destroy()));
  answer.on('end', () => {
    if (answer.complete) end(() => res.end());
  });
  answer.pipe(res, { end: false });
}
