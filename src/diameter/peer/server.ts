import { codeOf, GbaError, type Log, messageOf } from '../../base/index.ts';
import {
  type Avp,
  answerTo,
  type Command,
  DiameterRefusal,
  get,
  type Identity,
  type Message,
  ORIGIN_HOST,
  originOf,
  RESULT,
  refusalTo,
} from '../codec/index.ts';
import { admit } from './admission.ts';
import { createDuplicates } from './duplicates.ts';

/** Serves one command: the AVPs of the answer but Session-Id and origin, or a `DiameterRefusal`. Octets are its own. */
export interface Service {
  command: Command;
  serve(request: Message, from: { originHost: string }): Promise<readonly Avp[]>;
}

export interface ServerPeer {
  host: string;
  agent: boolean;
}

/** Longer than any requester waits for an answer, failovers included. */
const KEEP_MS = 60_000;
const KEEP_LIMIT = 16_384;

/** The doing half of answering: admission, duplicates, limits, then the service. */
export function createRequestServer(local: Identity, services: readonly Service[], maxInFlight: number, log: Log) {
  const duplicates = createDuplicates({ keepMs: KEEP_MS, limit: KEEP_LIMIT });
  const busy = new Map<string, number>();

  async function work(service: Service, request: Message): Promise<{ avps: readonly Avp[]; error: boolean }> {
    const avps = await service.serve(request, { originHost: get(request.avps, ORIGIN_HOST)?.toLowerCase() ?? '' });
    return { avps: [...avps, ...originOf(local)], error: false };
  }

  function refuse(request: Message, error: unknown, peer: ServerPeer): Message {
    const fields = { peer: peer.host, command: request.code, code: codeOf(error) };
    if (error instanceof DiameterRefusal) {
      log.info('diameter-refused', { ...fields, result: error.resultCode });
      return refusalTo(request, error, local);
    }
    if (error instanceof GbaError) log.warn('diameter-failed', fields);
    else log.error('diameter-failed', { ...fields, message: messageOf(error) });
    return refusalTo(request, new DiameterRefusal(RESULT.UNABLE_TO_COMPLY, 'it cannot be done now'), local);
  }

  return {
    /** Answers a request that passed the checks; the answer is never a rejection. */
    async answer(request: Message, peer: ServerPeer, now: number): Promise<Message> {
      const count = busy.get(peer.host) ?? 0;
      busy.set(peer.host, count + 1);
      try {
        admit(request, local, peer);
        if (count >= maxInFlight) throw new DiameterRefusal(RESULT.TOO_BUSY, 'too many requests of this peer');
        const service = services.find(
          ({ command }) => command.application === request.application && command.code === request.code,
        );
        if (service === undefined) throw new DiameterRefusal(RESULT.COMMAND_UNSUPPORTED, `command ${request.code}`);
        const { avps, error } = await duplicates.once(request, now, () => work(service, request));
        return answerTo(request, avps, error);
      } catch (error) {
        return refuse(request, error, peer);
      } finally {
        busy.set(peer.host, (busy.get(peer.host) ?? 1) - 1);
      }
    },
    refuse,
    /** Forgets what is old; keys do not stay longer than the next watchdog. */
    sweep: (now: number): void => duplicates.sweep(now),
    close: () => duplicates.clear(),
  };
}
