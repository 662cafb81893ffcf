import { type Clock, GbaError, type Log, type Random } from '../base/index.ts';
import type { HttpClient, Net, PeerConfig } from '../http/index.ts';
import type { PskOffer } from '../tls/index.ts';
import type { Carrier } from './carrier.ts';
import type { UaMethod } from './config.ts';
import type { Tre } from './tre/index.ts';
import { createUaClient, type UaClient, type UaKeySource } from './ua-client.ts';
import { createPskUaClient } from './ua-psk-client.ts';

/** An operator of the machine: name (certificate, NAF FQDN) and where its server is. */
export interface Operator {
  id: string;
  url: string;
}

/** The machine's connections; all of them outward, all but Ub inside TLS with the server's certificate checked. */
export interface Links {
  ub(bsf: { fqdn: string; url: string }): HttpClient;
  /** Server-authenticated TLS without Ua. */
  plain(operator: Operator): HttpClient;
  /** Keys of the subscription in use, for a NAF that is asked once. */
  liveKeys: UaKeySource;
  /** The PKI portal of an operator; to be closed by who asked. */
  portal(fqdn: string, peer: PeerConfig): HttpClient;
  /** Ua under the subscription in use. */
  live(operator: Operator): UaClient;
  /** Ua under the session that outlived the discarded subscription of this change; no bootstrapping there. */
  kept(operator: Operator, serial: string): UaClient;
  /** Which Ua keys must outlive the contexts for these servers. */
  sessionsOf(operators: readonly Operator[]): { fqdn: string; uaId: Uint8Array }[];
  /** After a bootstrapping: every later exchange is under the new B-TID. */
  renewLive(): void;
  /** Forgets the keys of the subscription in use, as it is being discarded. */
  endLive(): void;
  endKept(serial: string): void;
  close(): void;
}

export function createLinks(options: {
  ca: string;
  /** Addresses that configuration knows better than the subscription does. */
  known: readonly { id: string; peer: PeerConfig }[];
  /** How Ua is spoken with an operator. */
  method(id: string): UaMethod;
  net: Net;
  tre: Tre;
  bootstrap(): Promise<unknown>;
  carrier: Carrier;
  clock: Clock;
  random: Random;
  log: Log;
}): Links {
  const { ca, known, net, tre, carrier, clock, random, log } = options;
  const plainClients = new Map<string, HttpClient>();
  const liveClients = new Map<string, UaClient>();
  const keptClients = new Map<string, UaClient>();

  const liveKeys: UaKeySource = {
    async key(fqdn, uaId) {
      const [newest, ...others] = await tre.nafKeys(fqdn, uaId);
      for (const other of others) other.ksNaf.erase();
      return newest;
    },
    renew: async () => void (await options.bootstrap()),
  };

  function connect({ id, url }: Operator, own?: PeerConfig, psk?: PskOffer): HttpClient {
    const peer = own ?? known.find((one) => one.id === id)?.peer ?? { url, serverName: id };
    if (!peer.url.startsWith('https:')) throw new GbaError('peer-not-tls', `${id} has no TLS address`);
    return carried(net.createClient({ ...peer, tls: { ca }, ...(psk !== undefined && { psk }) }));
  }

  /** One connection to each server carries all that is said to it: who speaks is proved inside. */
  function shared(operator: Operator): HttpClient {
    return { ...cached(plainClients, operator.id, () => connect(operator)), close: () => undefined };
  }

  function uaClient(operator: Operator, keys: UaKeySource): UaClient {
    const fqdn = operator.id;
    const digest = (): UaClient => createUaClient({ fqdn, client: shared(operator), keys, clock, random });
    const method = options.method(fqdn);
    if (method === 'digest') return digest();
    const open = (offer: PskOffer): HttpClient => connect(operator, undefined, offer);
    if (method === 'psk') return createPskUaClient({ fqdn, keys, clock, open });
    const fallBack = (): UaClient => {
      log.warn('ua-by-certificate', { operator: fqdn });
      return digest();
    };
    return createPskUaClient({ fqdn, keys, clock, open, digest: fallBack });
  }

  /** Without connectivity nothing leaves the machine. */
  function carried(client: HttpClient): HttpClient {
    const assertUp = (): void => {
      if (carrier.up(tre.identity()?.sho.id)) return;
      throw new GbaError('peer-unreachable', 'the machine has no connectivity now', { retryable: true });
    };
    return {
      ...client,
      async send(...args) {
        assertUp();
        return await client.send(...args);
      },
      async call(...args) {
        assertUp();
        return await client.call(...args);
      },
    };
  }

  function cached<T>(map: Map<string, T>, key: string, make: () => T): T {
    const found = map.get(key) ?? make();
    map.set(key, found);
    return found;
  }

  function drop(map: Map<string, UaClient>, prefix = ''): void {
    for (const [key, client] of map) {
      if (!key.startsWith(prefix)) continue;
      client.close();
      map.delete(key);
    }
  }

  return {
    ub: ({ url }) => carried(net.createClient({ url, tls: { ca } })),
    liveKeys,
    portal: (fqdn, peer) => connect({ id: fqdn, url: peer.url }, peer),
    plain: shared,
    live: (operator) => cached(liveClients, operator.id, () => uaClient(operator, liveKeys)),
    kept: (operator, serial) =>
      cached(keptClients, `${serial} ${operator.id}`, () =>
        uaClient(operator, {
          key: (fqdn, uaId) => tre.pins.session(serial, fqdn, uaId, clock.now()),
          renew: () => Promise.reject(new GbaError('no-subscription', 'the old session has ended')),
        }),
      ),
    sessionsOf: (operators) =>
      operators.flatMap((operator) => {
        const client = liveClients.get(operator.id) ?? uaClient(operator, liveKeys);
        return client.uaIds().map((uaId) => ({ fqdn: operator.id, uaId }));
      }),
    renewLive() {
      for (const client of liveClients.values()) client.endSession();
    },
    endLive: () => drop(liveClients),
    endKept: (serial) => drop(keptClients, `${serial} `),
    close() {
      drop(liveClients);
      drop(keptClients);
      for (const client of plainClients.values()) client.close();
    },
  };
}
