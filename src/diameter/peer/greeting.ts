import {
  CAPABILITIES_EXCHANGE,
  checkMessage,
  DiameterRefusal,
  decodeMessage,
  get,
  type Message,
  ORIGIN_HOST,
  RESULT,
  refusalTo,
} from '../codec/index.ts';
import { commonApplications, type LocalNode } from './capabilities.ts';

/** What a CER is judged by beside its contents. */
export interface Doorway {
  transport: 'tcp' | 'tls';
  proves(host: string): boolean;
}

/** The peer that a first message names, or why the connection must end; with a CEA that says so when one is due. */
export type Verdict = { host: string; cer: Message } | { refusal: Message | undefined; why: string };

/**
 * The first message on an accepted connection has to be a CER of a configured peer, over the transport it is configured
 * for, and with TLS its certificate carries its name (RFC 6733 5.3, 5.6.1).
 */
export function judgeCer(
  octets: Buffer,
  local: LocalNode,
  peers: readonly { host: string; transport: 'tcp' | 'tls' }[],
  doorway: Doorway,
): Verdict {
  let cer: Message;
  try {
    cer = decodeMessage(octets);
  } catch {
    return { refusal: undefined, why: 'not-diameter' };
  }
  if (
    !cer.request ||
    cer.code !== CAPABILITIES_EXCHANGE.code ||
    cer.application !== CAPABILITIES_EXCHANGE.application
  ) {
    return { refusal: undefined, why: 'not-cer' };
  }
  const refuse = (refusal: DiameterRefusal, why: string): Verdict => ({
    refusal: refusalTo(cer, refusal, local),
    why,
  });
  try {
    checkMessage(cer);
  } catch (error) {
    if (error instanceof DiameterRefusal) return refuse(error, 'cer-invalid');
    throw error;
  }
  const host = get(cer.avps, ORIGIN_HOST)?.toLowerCase();
  const peer = peers.find((one) => one.host === host);
  // One answer for all of them: strangers learn nothing about who is configured.
  if (peer === undefined || peer.transport !== doorway.transport || !doorway.proves(peer.host)) {
    return refuse(new DiameterRefusal(RESULT.UNKNOWN_PEER, 'not a peer of this node'), 'unknown-peer');
  }
  if (commonApplications(local, cer.avps).length === 0) {
    return refuse(
      new DiameterRefusal(RESULT.NO_COMMON_APPLICATION, 'no application in common'),
      'no-common-application',
    );
  }
  return { host: peer.host, cer };
}
