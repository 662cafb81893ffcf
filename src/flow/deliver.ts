import { GbaError, type Log } from '../base/index.ts';
import type { Delivery, OutboxMessage } from './outbox.ts';

/** What a deliverer needs of a client: any answer is an answer, no answer throws. */
export interface MessageClient {
  send(
    method: string,
    path: string,
    options: { json?: unknown; bytes?: Uint8Array },
  ): Promise<{ status: number; cause(): string }>;
}

/**
 * Delivers outbox messages over the client of the receiver: 2xx is done, no answer, 5xx, 408 and 429 are tried again, any
 * other refusal is final (the receiver will not change its mind) and is told to `refused`.
 */
export function deliverOver(
  clientOf: (to: string) => MessageClient | undefined,
  log: Log,
  refused?: (message: OutboxMessage, code: string) => Promise<Delivery>,
): (message: OutboxMessage) => Promise<Delivery> {
  return async (message) => {
    const client = clientOf(message.to);
    if (client === undefined) throw new GbaError('peer-unknown', `no address of ${message.to}`);
    const body = message.bytes === undefined ? { json: message.json } : { bytes: Buffer.from(message.bytes, 'base64') };
    const answer = await client.send(message.method, message.path, body);
    if (answer.status >= 200 && answer.status < 300) return 'done';
    if (answer.status >= 500 || answer.status === 408 || answer.status === 429) return 'retry';
    const code = answer.cause();
    // A lost race is no refusal: the record has changed, the same message may fit now.
    if (code === 'conflict') return 'retry';
    log.warn('message-refused', { id: message.id, to: message.to, code });
    return refused === undefined ? 'drop' : await refused(message, code);
  };
}
