import type { IncomingMessage } from 'node:http';
import { GbaError } from '../base/index.ts';

export const DEFAULT_BODY_LIMIT = 64 * 1024;

const buffered = new WeakMap<IncomingMessage, Buffer>();

/** Leaves a body that has been read for whoever asks `readBody` next. */
export function setBufferedBody(req: IncomingMessage, body: Buffer): void {
  buffered.set(req, body);
}

/** The whole request body, at most `limit` octets; more is refused (`body-too-large`) before it is buffered. */
export function readBody(req: IncomingMessage, limit = DEFAULT_BODY_LIMIT): Promise<Buffer> {
  const known = buffered.get(req);
  if (known !== undefined) {
    if (known.length <= limit) return Promise.resolve(known);
    return Promise.reject(new GbaError('body-too-large', `body is over ${limit} octets`));
  }
  const declared = Number(req.headers['content-length'] ?? 0);
  if (declared > limit) return Promise.reject(new GbaError('body-too-large', `body is over ${limit} octets`));
  if (req.headers['content-length'] === '0' || (declared === 0 && req.headers['transfer-encoding'] === undefined)) {
    return Promise.resolve(Buffer.alloc(0));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        req.pause();
        req.removeAllListeners('data');
        reject(new GbaError('body-too-large', `body is over ${limit} octets`));
        return;
      }
      chunks.push(chunk);
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    req.on('error', (cause) => reject(new GbaError('body-timeout', 'the body did not arrive whole', { cause })));
    req.on('aborted', () => reject(new GbaError('body-timeout', 'the body did not arrive whole')));
  });
}
