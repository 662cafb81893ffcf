import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What a listener may ask of a connection. */
export interface SimSocket {
  remoteAddress: string;
  /** There, and true, inside TLS only. */
  encrypted?: true;
  authorized?: boolean;
  getPeerX509Certificate?: () => unknown;
  getCipher?: () => { standardName: string };
}

export interface SimRequestOptions {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

export interface SimAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A request that came over no socket: node's own class, filled by hand. */
export function makeRequest(socket: SimSocket, { method, path, headers, body }: SimRequestOptions): IncomingMessage {
  const req = new IncomingMessage({ readable: false, destroyed: true, ...socket } as unknown as Socket);
  Object.defineProperty(req, 'socket', { value: socket });
  req.method = method;
  req.url = path;
  req.httpVersion = '1.1';
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  for (const [name, value] of Object.entries(headers)) {
    req.headers[name.toLowerCase()] = value;
    req.rawHeaders.push(name, value);
  }
  req.complete = true;
  if (body.length > 0) req.push(body);
  req.push(null);
  return req;
}

type Headers = OutgoingHttpHeaders | unknown[];

/** A response that goes nowhere but to `answered`. */
export class SimResponse extends ServerResponse {
  readonly #chunks: Buffer[] = [];
  readonly #answered: (answer: SimAnswer | undefined) => void;
  #ended = false;

  constructor(req: IncomingMessage, answered: (answer: SimAnswer | undefined) => void) {
    super(req);
    this.#answered = answered;
    Object.defineProperty(this, 'headersSent', { value: false, writable: true, configurable: true });
  }

  override writeHead(status: number, second?: string | Headers, third?: Headers): this {
    this.statusCode = status;
    const headers = typeof second === 'string' ? third : (second ?? third);
    if (headers !== undefined && !Array.isArray(headers)) {
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) this.setHeader(name, value);
    }
    (this as { headersSent: boolean }).headersSent = true;
    return this;
  }

  override write(chunk: unknown, encoding?: unknown): boolean {
    this.#add(chunk, encoding);
    return true;
  }

  override end(chunk?: unknown, encoding?: unknown): this {
    if (this.#ended) return this;
    this.#ended = true;
    (this as { headersSent: boolean }).headersSent = true;
    this.#add(chunk, encoding);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.getHeaders())) headers[name] = String(value);
    this.#answered({ status: this.statusCode, headers, body: Buffer.concat(this.#chunks) });
    return this;
  }

  override destroy(): this {
    if (!this.#ended) this.#answered(undefined);
    this.#ended = true;
    return this;
  }

  #add(chunk: unknown, encoding: unknown): void {
    if (typeof chunk === 'string') {
      this.#chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'));
    } else if (chunk instanceof Uint8Array) {
      this.#chunks.push(Buffer.from(chunk));
    }
  }
}
