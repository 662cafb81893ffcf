import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { GbaError, RETRY, remembered } from '../base/index.ts';
import { isKeyRefusal, type PskOffer, pskCiphers, pskConnectOptions, pskUaIdOf } from '../tls/index.ts';
import { type Answer, answerOf } from './answer.ts';

export interface ClientOptions {
  /** `http(s)://address:port`, where to connect. */
  url: string;
  /** Name that the server's certificate must carry, and the Host header; default: the host of `url`. */
  serverName?: string;
  /** PEM texts; `ca` verifies the server, `cert` and `key` show who we are. */
  tls?: { ca: string; cert?: string; key?: string };
  /**
   * Connections are made with this key (TS 33.222 5.4). A server that does not take it: `tls-key-refused`, or where the offer allows
   * it a connection by certificate, whose answers have no `pskUaId`.
   */
  psk?: PskOffer;
  /** Longest silence of the other end. */
  timeoutMs?: number;
  /** Longest time for the whole answer, however it drips in. */
  deadlineMs?: number;
  /** Largest answer taken, octets. */
  answerLimit?: number;
}

export interface SendOptions {
  json?: unknown;
  bytes?: Uint8Array;
  type?: string;
  headers?: Record<string, string>;
}

export interface HttpClient {
  /** Any status is an answer; only no answer throws (`peer-unreachable`, retryable). `path` starts with `/`. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  /** As `send`, but a status outside 2xx throws: the peer's own code for 4xx, `peer-unreachable` (retryable) for 5xx. */
  call(method: string, path: string, options?: SendOptions): Promise<Answer>;
  close(): void;
}

/** Contexts by the texts they are made of: parsing them costs more than the rest of a connection does. */
const contexts = remembered<SecureContext>(32);

function secureContextOf(tls: {
  ca?: string | [] | undefined;
  cert?: string;
  key?: string;
  ciphers?: string;
}): SecureContext {
  const name = JSON.stringify([tls.ca, tls.cert, tls.key, tls.ciphers]);
  const known = contexts.get(name);
  if (known !== undefined) return known;
  const made = createSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  contexts.put(name, made);
  return made;
}

const ANSWER_LIMIT = 4 * 1024 * 1024;

/** A keep-alive HTTP/1.1 client for one peer. Certificates are always verified against `tls.ca` and `serverName`. */
export function createClient(options: ClientOptions): HttpClient {
  const url = new URL(options.url);
  const secure = url.protocol === 'https:';
  // An IPv6 address stands in brackets in a URL and nowhere else.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // An apiRoot may end in a path of its own (TS 29.501 4.4).
  const prefix = url.pathname.replace(/\/$/, '');
  const serverName = options.serverName ?? url.hostname;
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 32, servername: serverName, ...secureOptionsOf(options) })
    : new HttpAgent({ keepAlive: true, maxSockets: 32 });

  async function send(method: string, path: string, sending: SendOptions = {}): Promise<Answer> {
    const { body, headers } = wireOf(sending);
    const request: RequestOptions = {
      agent,
      method,
      host,
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      path: prefix + path,
      timeout: options.timeoutMs ?? RETRY.exchange.silenceMs,
      headers: {
        host: url.port === '' ? serverName : `${serverName}:${url.port}`,
        ...headers,
      },
    };
    const limits = { octets: options.answerLimit ?? ANSWER_LIMIT, ms: options.deadlineMs ?? RETRY.exchange.deadlineMs };
    return await exchange(secure ? httpsRequest : httpRequest, request, body, {
      ...limits,
      psk: options.psk !== undefined,
    });
  }

  return clientOver(send, serverName, () => agent.destroy());
}

/** The body of a request, and the headers that go with it. */
export function wireOf({ json, bytes, type, headers }: SendOptions): {
  body: Uint8Array | undefined;
  headers: Record<string, string>;
} {
  const body = bytes ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)));
  if (body === undefined) return { body, headers: { ...headers } };
  const contentType = type ?? (json === undefined ? 'application/octet-stream' : 'application/json');
  return { body, headers: { 'content-type': contentType, 'content-length': String(body.length), ...headers } };
}

function secureOptionsOf({ tls, psk }: ClientOptions): object {
  if (psk === undefined) return { secureContext: secureContextOf(tls ?? {}) };
  // Without authorities no certificate is taken.
  const secureContext = secureContextOf({ ca: psk.orCertificate ? tls?.ca : [], ciphers: pskCiphers(psk) });
  return { secureContext, maxCachedSessions: 0, ...pskConnectOptions(psk) };
}

/** A client by its way of sending; `name` of the other end is for messages. */
export function clientOver(send: HttpClient['send'], name: string, close: () => void): HttpClient {
  return {
    send,
    async call(method, path, sending) {
      const answer = await send(method, path, sending);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const message = `${name} answered ${answer.status} to ${method} ${path.split('?', 1)[0]}`;
      if (answer.status >= 500) throw new GbaError('peer-unreachable', message, { retryable: true });
      throw new GbaError(answer.cause(), message);
    },
    close,
  };
}

function exchange(
  open: typeof httpRequest,
  request: RequestOptions,
  body: Uint8Array | undefined,
  limits: { octets: number; ms: number; psk: boolean },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const where = `${request.host}:${request.port}`;
    const fail = (cause?: unknown) =>
      reject(
        limits.psk && isKeyRefusal(cause)
          ? new GbaError('tls-key-refused', `${where} does not take the key`, { cause })
          : new GbaError('peer-unreachable', `no answer from ${where}`, { cause, retryable: true }),
      );
    const req = open(request, (res) => {
      const socket = res.socket as { getCipher?: () => { standardName?: string } } | null;
      const cipherSuite = socket?.getCipher?.()?.standardName;
      const pskUaId = limits.psk && res.socket instanceof TLSSocket ? pskUaIdOf(res.socket) : undefined;
      const chunks: Buffer[] = [];
      let size = 0;
      res.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limits.octets) req.destroy(new Error('answer too large'));
        else chunks.push(chunk);
      });
      res.on('error', fail);
      res.on('aborted', () => fail());
      res.on('end', () => {
        const { statusCode: status = 0, headers } = res;
        const received = { status, headers, body: Buffer.concat(chunks), cipherSuite };
        resolve(answerOf({ ...received, ...(pskUaId !== undefined && { pskUaId }) }));
      });
    });
    req.on('timeout', () => req.destroy(new Error('timed out')));
    const deadline = setTimeout(() => req.destroy(new Error('took too long')), limits.ms);
    req.on('close', () => clearTimeout(deadline));
    req.on('error', fail);
    req.end(body);
  });
}
