import { type Clock, codeOf, GbaError } from '../base/index.ts';
import type { Answer, HttpClient, SendOptions } from '../http/index.ts';
import { PSK_OFFER_UA_IDS, type PskOffer } from '../tls/index.ts';
import { type UaAnswer, type UaClient, type UaKeySource, USER_AGENT, unreachable } from './ua-client.ts';

/** A connection that stands on a key. */
interface Session {
  offer: PskOffer;
  expiresAt: number;
  client: HttpClient;
}

/**
 * Ua over PSK TLS (TS 33.222 5.4, TS 24.109 5.3.3): the connection itself proves both ends. A key that is refused, or ends, is
 * renewed over Ub at most once for a request, as with Digest.
 */
export function createPskUaClient(options: {
  fqdn: string;
  keys: UaKeySource;
  clock: Clock;
  open(offer: PskOffer): HttpClient;
  /**
   * For a server that proved itself by certificate and took no key: Digest inside TLS. Without it such a server is refused, so that
   * nobody in between can talk the machine out of PSK.
   */
  digest?: () => UaClient;
}): UaClient {
  const { fqdn, keys, clock, open } = options;
  let session: Session | undefined;
  let byDigest: UaClient | undefined;

  function endSession(): void {
    session?.client.close();
    session?.offer.tls13.erase();
    session?.offer.tls12.erase();
    session = undefined;
    byDigest?.endSession();
    byDigest = undefined;
  }

  /** With the newest key; undefined when there is none. */
  async function openSession(): Promise<Session | undefined> {
    const tls13 = await keys.key(fqdn, PSK_OFFER_UA_IDS.tls13);
    const tls12 = await keys.key(fqdn, PSK_OFFER_UA_IDS.tls12);
    if (tls13 === undefined || tls12 === undefined || tls13.btid !== tls12.btid) {
      tls13?.ksNaf.erase();
      tls12?.ksNaf.erase();
      return undefined;
    }
    const { btid, expiresAt } = tls13;
    const offer = { btid, tls13: tls13.ksNaf, tls12: tls12.ksNaf, orCertificate: options.digest !== undefined };
    return { offer, expiresAt, client: open(offer) };
  }

  /** Undefined when the key is refused. */
  async function attempt(
    { client }: Session,
    method: string,
    path: string,
    sending: SendOptions,
  ): Promise<Answer | undefined> {
    const headers = { 'user-agent': USER_AGENT, ...sending.headers };
    try {
      const answer = await client.send(method, path, { ...sending, headers });
      // Of somebody who may not even be asked for the key, 401 means that by certificate Digest goes on.
      return answer.status === 401 && answer.pskUaId !== undefined ? undefined : answer;
    } catch (error) {
      if (codeOf(error) !== 'tls-key-refused') throw error;
      return undefined;
    }
  }

  async function send(method: string, path: string, sending: SendOptions = {}): Promise<UaAnswer> {
    if (byDigest !== undefined) return await byDigest.send(method, path, sending);
    if (session !== undefined && session.expiresAt <= clock.now()) endSession();
    for (const last of [false, true]) {
      session ??= await openSession();
      const used = session;
      const answer = used && (await attempt(used, method, path, sending));
      if (used !== undefined && answer !== undefined) {
        if (answer.pskUaId === undefined) return await fallBack(method, path, sending);
        if (answer.status >= 500) throw unreachable(fqdn, answer);
        return { ...answer, btid: used.offer.btid, proved: 'auth-int' };
      }
      endSession();
      if (!last) await keys.renew();
    }
    throw new GbaError('ua-refused', `${fqdn} does not take our key`);
  }

  async function fallBack(method: string, path: string, sending: SendOptions): Promise<UaAnswer> {
    endSession();
    if (options.digest === undefined) throw new GbaError('ua-unproved', `${fqdn} took no key`, { retryable: true });
    byDigest = options.digest();
    return await byDigest.send(method, path, sending);
  }

  return {
    send,
    uaIds: () => [PSK_OFFER_UA_IDS.tls13, PSK_OFFER_UA_IDS.tls12, ...(byDigest?.uaIds() ?? [])],
    endSession,
    close: endSession,
  };
}
