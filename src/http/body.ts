import type { IncomingMessage } from 'node:http';
import { GbaError } from '../base/index.ts';

export const DEFAULT_BODY_LIMIT = 64 * 1024;

/** Whether a body comes with this request, as the framing says (RFC 9112 6.3). */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return (length !== undefined && length !== '0') || req.headers['transfer-encoding'] !== undefined;
}

/**
 * The whole request body, at most `limit` octets. More is refused (`body-too-large`): what is left of it is read away, so
 * that a client that is still sending gets its answer and the connection goes on.
 */
export function readBody(req: IncomingMessage, limit = DEFAULT_BODY_LIMIT): Promise<Buffer> {
  return collect(req, limit, false);
}

/** As `readBody`, but the body stays in the request for whoever reads it next: a JSON parser, a pipe, `readBody`. */
export function peekBody(req: IncomingMessage, limit = DEFAULT_BODY_LIMIT): Promise<Buffer> {
  return collect(req, limit, true);
}

async function collect(req: IncomingMessage, limit: number, putBack: boolean): Promise<Buffer> {
  if (!hasBody(req)) return Buffer.alloc(0);
  // The end of a stream that has ended never comes again: waiting for it would hang the request.
  if (req.readableEnded) throw new GbaError('body-consumed', 'the body was read before it could be checked');
  if (req.destroyed) throw cutOff();
  if (Number(req.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (act: () => void): void => {
      req.off('readable', onReadable).off('end', onEnd).off('error', onCut).off('aborted', onCut);
      act();
    };
    const onCut = (cause?: unknown): void => settle(() => reject(cutOff(cause)));
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)));
    const onReadable = (): void => {
      for (let chunk = req.read() as Buffer | null; chunk !== null; chunk = req.read() as Buffer | null) {
        chunks.push(chunk);
        size += chunk.length;
      }
      if (size > limit) {
        settle(() => reject(tooLarge(limit)));
        req.resume();
      } else if (putBack && req.complete && size > 0) {
        // All is here and `end` is not emitted before the next tick: now it can still go back.
        const body = Buffer.concat(chunks);
        req.unshift(body);
        settle(() => resolve(body));
      }
    };
    req.on('readable', onReadable).on('end', onEnd).on('error', onCut).on('aborted', onCut);
  });
}

const tooLarge = (limit: number): GbaError => new GbaError('body-too-large', `body is over ${limit} octets`);
const cutOff = (cause?: unknown): GbaError =>
  new GbaError('body-timeout', 'the body did not arrive whole', cause === undefined ? {} : { cause });
