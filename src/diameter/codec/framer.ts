import { HEADER_LENGTH } from './message.ts';
import { DiameterRefusal, RESULT } from './refusal.ts';

/** Largest message taken: a GUSS is some kilobytes. */
export const MAX_MESSAGE = 65_536;

/** Cuts a stream into whole messages. No message is waited for that could not be taken, and none is copied twice. */
export interface Framer {
  /** Throws `DiameterRefusal` (5011, 5015) when the stream is no Diameter: then it must be closed (RFC 6733 2.1). */
  push(chunk: Buffer): Buffer[];
}

export function createFramer(limit = MAX_MESSAGE): Framer {
  let chunks: Buffer[] = [];
  let size = 0;
  /** Length of the message that has begun; 0 until its first 4 octets are here. */
  let wanted = 0;

  function lengthOf(octets: Buffer): number {
    if (octets.readUInt8() !== 1) throw new DiameterRefusal(RESULT.UNSUPPORTED_VERSION, 'version is not 1');
    const length = octets.readUIntBE(1, 3);
    if (length < HEADER_LENGTH || length % 4 !== 0 || length > limit) {
      throw new DiameterRefusal(RESULT.INVALID_MESSAGE_LENGTH, 'message length');
    }
    return length;
  }

  return {
    push(chunk) {
      chunks.push(chunk);
      size += chunk.length;
      const messages: Buffer[] = [];
      while (size >= 4) {
        if (wanted === 0) {
          if ((chunks[0]?.length ?? 0) < 4) chunks = [Buffer.concat(chunks)];
          wanted = lengthOf(chunks[0] ?? Buffer.alloc(0));
        }
        if (size < wanted) break;
        const all = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
        messages.push(all.subarray(0, wanted));
        size -= wanted;
        chunks = size === 0 ? [] : [all.subarray(wanted)];
        wanted = 0;
      }
      return messages;
    },
  };
}
