import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Largest body sent in one piece with its headers, octets. */
const ONE_WRITE = 16_384;

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Keeps a response back until it is whole, because rspauth of auth-int covers its body and stands in a header
 * (RFC 7616 3.5). `finish` gets the octets that the client will see and may still set headers.
 */
export function holdResponse(res: ServerResponse, bodyless: boolean, finish: (body: Buffer) => void): void {
  const { write, end, writeHead, flushHeaders } = res;
  const chunks: Buffer[] = [];
  const add = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk === 'string') {
      chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'));
    } else if (chunk instanceof Uint8Array) {
      chunks.push(Buffer.from(chunk));
    }
  };
  const callbackOf = (...candidates: unknown[]) =>
    candidates.find((one) => typeof one === 'function') as (() => void) | undefined;

  res.writeHead = ((status: number, second?: string | Headers, third?: Headers) => {
    res.statusCode = status;
    if (typeof second === 'string') res.statusMessage = second;
    setAll(res, typeof second === 'string' ? third : second);
    return res;
  }) as typeof res.writeHead;
  res.flushHeaders = () => {};
  res.write = ((chunk: unknown, encoding?: unknown, callback?: unknown) => {
    add(chunk, encoding);
    const done = callbackOf(encoding, callback);
    if (done !== undefined) process.nextTick(done);
    return true;
  }) as typeof res.write;
  res.end = ((chunk?: unknown, encoding?: unknown, callback?: unknown) => {
    Object.assign(res, { write, end, writeHead, flushHeaders });
    add(chunk, encoding);
    const whole = Buffer.concat(chunks);
    const empty = bodyless || res.statusCode === 204 || res.statusCode === 304;
    finish(empty ? Buffer.alloc(0) : whole);
    res.removeHeader('transfer-encoding');
    if (!empty) res.setHeader('content-length', whole.length);
    const done = callbackOf(chunk, encoding, callback);
    if (done !== undefined) return res.end(whole, done);
    // Octets as latin1 text leave in one write with the headers: half the cost of a vectored write when they are few.
    return whole.length <= ONE_WRITE ? res.end(whole.toString('latin1'), 'latin1') : res.end(whole);
  }) as typeof res.end;
}

function setAll(res: ServerResponse, headers: Headers | undefined): void {
  if (headers === undefined) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
    return;
  }
  const flat = headers.flat();
  for (let i = 0; i + 1 < flat.length; i += 2) res.appendHeader(String(flat[i]), String(flat[i + 1]));
}
