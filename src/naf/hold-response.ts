import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Largest body sent in one piece with its headers, octets. */
const ONE_WRITE = 16_384;

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Keeps a response back until it is whole, because rspauth of auth-int covers its body and stands in a header
 * (RFC 7616 3.5). `finish` gets the octets that the client will see and may still set headers. To whoever writes the
 * response it behaves as if it had been sent: `headersSent` is true after the first octet, wrappers of `writeHead` run.
 */
export function holdResponse(res: ServerResponse, bodyless: boolean, finish: (body: Buffer) => void): void {
  const { write, end, writeHead, flushHeaders } = res;
  const chunks: Buffer[] = [];
  // A plain value, not an accessor: one shape for all held responses keeps them fast.
  Object.defineProperty(res, 'headersSent', { value: false, writable: true });
  const held = res as { headersSent: boolean };
  const add = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk === 'string') {
      chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'));
    } else if (chunk instanceof Uint8Array) {
      chunks.push(Buffer.from(chunk));
    }
  };
  const callbackOf = (...candidates: unknown[]) =>
    candidates.find((one) => typeof one === 'function') as (() => void) | undefined;
  /** What node does before the first octet, through wrappers that others put around `writeHead` meanwhile. */
  const begin = (): void => {
    if (!held.headersSent) res.writeHead(res.statusCode);
  };

  res.writeHead = ((status: number, second?: string | Headers, third?: Headers) => {
    held.headersSent = true;
    res.statusCode = status;
    if (typeof second === 'string') res.statusMessage = second;
    setAll(res, typeof second === 'string' ? third : (third ?? second));
    return res;
  }) as typeof res.writeHead;
  res.flushHeaders = begin;
  res.write = ((chunk: unknown, encoding?: unknown, callback?: unknown) => {
    begin();
    add(chunk, encoding);
    const done = callbackOf(encoding, callback);
    if (done !== undefined) process.nextTick(done);
    return true;
  }) as typeof res.write;
  res.end = ((chunk?: unknown, encoding?: unknown, callback?: unknown) => {
    begin();
    Object.assign(res, { write, end, writeHead, flushHeaders });
    add(chunk, encoding);
    const whole = Buffer.concat(chunks);
    const lengthless = res.statusCode === 204 || res.statusCode === 304;
    const empty = bodyless || lengthless;
    finish(empty ? Buffer.alloc(0) : whole);
    // The length is known now: no chunks, and so no trailers.
    res.removeHeader('transfer-encoding');
    res.removeHeader('trailer');
    // The answer to HEAD has the length that GET would have.
    if (!empty || (whole.length > 0 && !lengthless)) res.setHeader('content-length', whole.length);
    const done = callbackOf(chunk, encoding, callback);
    if (done !== undefined) return res.end(whole, done);
    // Octets as latin1 text leave in one write with the headers: half the cost of a vectored write when they are few.
    return whole.length <= ONE_WRITE ? res.end(whole.toString('latin1'), 'latin1') : res.end(whole);
  }) as typeof res.end;
}

/** As node merges them: an array replaces what was set before, and may say one name several times. */
function setAll(res: ServerResponse, headers: Headers | undefined): void {
  if (headers === undefined) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
    return;
  }
  const flat = headers.flat();
  for (let i = 0; i + 1 < flat.length; i += 2) res.removeHeader(String(flat[i]));
  for (let i = 0; i + 1 < flat.length; i += 2) res.appendHeader(String(flat[i]), String(flat[i + 1]));
}
