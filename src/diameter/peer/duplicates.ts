import type { Avp, Message } from '../codec/index.ts';
import { get, ORIGIN_HOST, SESSION_ID } from '../codec/index.ts';

/** The part of an answer that does not depend on the way it came. */
export interface Reply {
  avps: readonly Avp[];
  error: boolean;
}

export interface DuplicateOptions {
  keepMs: number;
  limit: number;
}

interface Known {
  reply: Promise<Reply>;
  /** The reply, once it is there: nobody is encoding it any more when the next request comes. */
  done?: Reply;
  until: number;
}

/**
 * Requests that were answered a moment ago, by Origin-Host and End-to-End identifier (RFC 6733 3): a repeated one gets the
 * same answer and changes nothing again; a repeated MAR burns no second SQN. The same identifier in another session is
 * another request. Answers are wiped when they are forgotten, for they hold keys.
 */
export function createDuplicates({ keepMs, limit }: DuplicateOptions) {
  const known = new Map<string, Known>();

  function drop(key: string, { done }: Known): void {
    known.delete(key);
    for (const { data } of done?.avps ?? []) data.fill(0);
  }

  /** Forgets what is old, and the oldest beyond `most`. */
  function sweep(now: number, most = limit): void {
    for (const [key, entry] of known) {
      if (entry.until > now && known.size <= most) break;
      drop(key, entry);
    }
  }

  function keyOf({ avps, application, code, endToEnd }: Message): string {
    const origin = get(avps, ORIGIN_HOST)?.toLowerCase() ?? '';
    return JSON.stringify([origin, endToEnd, application, code, get(avps, SESSION_ID) ?? '']);
  }

  return {
    get size(): number {
      return known.size;
    },
    sweep,
    /** The reply of the first such request, from `work` when this is the first. */
    once(request: Message, now: number, work: () => Promise<Reply>): Promise<Reply> {
      sweep(now, limit - 1);
      const key = keyOf(request);
      const before = known.get(key);
      if (before !== undefined) return before.reply;
      const entry: Known = { reply: work(), until: now + keepMs };
      known.set(key, entry);
      entry.reply.then(
        (reply) => {
          entry.done = reply;
        },
        () => undefined,
      );
      return entry.reply;
    },
    /** Forgets everything. */
    clear(): void {
      for (const [key, entry] of known) drop(key, entry);
    },
  };
}
