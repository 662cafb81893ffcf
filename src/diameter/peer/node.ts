import { performance } from 'node:perf_hooks';
import { type Clock, codeOf, GbaError, type Log, messageOf, type Random } from '../../base/index.ts';
import {
  type Avp,
  type Command,
  checkMessage,
  DiameterRefusal,
  decodeHeader,
  decodeMessage,
  encodeMessage,
  MAX_MESSAGE,
  type Message,
} from '../codec/index.ts';
import type { LocalNode } from './capabilities.ts';
import type { DiameterConfig, DiameterRoute } from './config.ts';
import {
  acceptConnections,
  type Connection,
  type ConnectionEvents,
  openConnection,
  type TlsFiles,
} from './connection.ts';
import { judgeCer } from './greeting.ts';
import { createIdentifiers } from './identifiers.ts';
import { createPeerMachine, type PeerAction, type PeerInput, type PeerMachine, type PeerStatus } from './machine.ts';
import { createRequests, type RequestAction } from './requests.ts';
import { createRequestServer, type Service } from './server.ts';

export interface DiameterDeps {
  clock: Clock;
  random: Random;
  log: Log;
  /** Needed when the node or a peer uses `tls`. */
  tls?: TlsFiles | undefined;
}

/** A Diameter node with its peers: requests out, services in. */
export interface DiameterNode {
  /** Port of the listener, if there is one. */
  readonly port: number | undefined;
  readonly realm: string;
  readonly host: string;
  status(peer: string): PeerStatus;
  newSessionId(): string;
  /** The answer, whatever its result. Throws `peer-unreachable` and `overloaded` (retryable), `peer-refused`. */
  request(command: Command, avps: readonly Avp[], route: DiameterRoute): Promise<Message>;
  close(): Promise<void>;
}

const CONNECT_WAIT_MS = 2_000;
const CER_WAIT_MS = 10_000;
const GOODBYE_MS = 500;

interface Peer {
  config: DiameterConfig['peers'][number];
  machine: PeerMachine;
}

type Settle = { resolve(message: Message): void; reject(error: GbaError): void };

/** Starts listening and connecting; nothing is waited for but the listener. */
export async function startDiameterNode(
  config: DiameterConfig,
  applications: readonly number[],
  services: readonly Service[],
  deps: DiameterDeps,
): Promise<DiameterNode> {
  const { random, clock } = deps;
  const log = deps.log.child({ diameter: config.host });
  const tlsOf = (transport: 'tls' | 'tcp'): TlsFiles | undefined => {
    if (transport === 'tls' && deps.tls === undefined)
      throw new GbaError('config-invalid', 'Diameter over TLS needs tls');
    return transport === 'tls' ? deps.tls : undefined;
  };
  const ids = createIdentifiers(config.host, clock, random);
  const local: LocalNode = {
    host: config.host,
    realm: config.realm,
    applications,
    originStateId: Math.floor(clock.now() / 1000) % 2 ** 32,
  };
  const requests = createRequests(ids, {
    maxInFlight: config.maxInFlight,
    timeoutMs: config.requestSeconds * 1000,
    connectMs: Math.min(CONNECT_WAIT_MS, config.requestSeconds * 1000),
  });
  const server = createRequestServer(local, services, config.maxInFlight, log);
  const connections = new Map<number, Connection>();
  const settles = new Map<number, Settle>();
  // What counts is how long others are silent, whatever the clock of the function says.
  const now = (): number => performance.now();
  let timer: NodeJS.Timeout | undefined;
  let closing = false;
  let closed = false;

  const peers = new Map<string, Peer>(
    config.peers.map((peer) => {
      const machine = createPeerMachine({
        local,
        host: peer.host,
        initiates: peer.connect !== undefined,
        watchdogMs: config.watchdogSeconds * 1000,
        ids,
        random,
        addressOf: (connection) => connections.get(connection)?.localAddress ?? '127.0.0.1',
      });
      return [peer.host, { config: peer, machine }];
    }),
  );

  function step(peer: Peer, input: PeerInput): void {
    for (const action of peer.machine.step(input, now())) perform(peer, action);
    arm();
  }

  function perform(peer: Peer, action: PeerAction): void {
    switch (action.kind) {
      case 'connect':
        connect(peer, action.connection);
        break;
      case 'send':
        connections.get(action.connection)?.send(encodeMessage(action.message));
        break;
      case 'close':
        connections.get(action.connection)?.close();
        break;
      case 'status':
        log.info('diameter-peer', { peer: peer.config.host, status: action.status });
        performAll(requests.status(peer.config.host, action.status, now()));
        break;
      case 'deliver':
        deliver(peer, action.connection, action.message);
        break;
    }
  }

  function performAll(actions: readonly RequestAction[]): void {
    for (const action of actions) {
      if (action.kind === 'send') {
        const connection = peers.get(action.peer)?.machine.connection;
        if (connection !== undefined) connections.get(connection)?.send(encodeMessage(action.message));
        continue;
      }
      const settle = settles.get(action.id);
      settles.delete(action.id);
      if (action.kind === 'answered') settle?.resolve(action.message);
      else settle?.reject(action.error);
    }
    arm();
  }

  function deliver(peer: Peer, connection: number, message: Message): void {
    if (!message.request) {
      performAll(requests.answer(peer.config.host, message));
      return;
    }
    void server.answer(message, peer.config, now()).then((answer) => {
      let octets = encodeMessage(answer);
      if (octets.length > MAX_MESSAGE) {
        const tooLong = new GbaError('avp-too-long', 'the answer is longer than a peer may take');
        octets = encodeMessage(server.refuse(message, tooLong, peer.config));
      }
      connections.get(connection)?.send(octets);
    });
  }

  function connect(peer: Peer, connection: number): void {
    const { host, transport, connect: target } = peer.config;
    if (target === undefined) return;
    openConnection({ ...target, host }, tlsOf(transport), {
      open(opened) {
        connections.set(connection, opened);
        step(peer, { kind: 'connected', connection });
      },
      message: (octets) => receive(peer, connection, octets),
      lost,
      closed() {
        connections.delete(connection);
        step(peer, { kind: 'closed', connection });
      },
    });
  }

  function lost(error: unknown): void {
    const code = codeOf(error);
    if (error instanceof GbaError) log.warn('diameter-stream-lost', { code });
    else log.error('diameter-failed', { code, message: messageOf(error) });
  }

  /** A message on a connection whose peer is known. */
  function receive(peer: Peer, connection: number, octets: Buffer): void {
    let message: Message = { ...decodeHeader(octets), avps: [] };
    try {
      message = decodeMessage(octets);
      checkMessage(message);
    } catch (error) {
      if (!(error instanceof DiameterRefusal)) throw error;
      if (message.request) {
        connections.get(connection)?.send(encodeMessage(server.refuse(message, error, peer.config)));
      } else {
        log.warn('diameter-answer-invalid', { peer: peer.config.host, result: error.resultCode });
        performAll(requests.invalid(peer.config.host, message.hopByHop, error));
      }
      return;
    }
    step(peer, { kind: 'message', connection, message });
  }

  /** A connection that somebody opened: nobody until its CER has been judged. */
  function accept(): ConnectionEvents {
    const connection = ids.connection();
    let peer: Peer | undefined;
    const patience = setTimeout(() => {
      if (peer === undefined) connections.get(connection)?.close();
    }, CER_WAIT_MS).unref();
    return {
      open: (opened) => void connections.set(connection, opened),
      lost,
      message(octets) {
        const opened = connections.get(connection);
        if (peer !== undefined) {
          receive(peer, connection, octets);
          return;
        }
        if (opened === undefined || closed) return;
        const verdict = judgeCer(octets, local, config.peers, opened);
        if ('refusal' in verdict) {
          log.warn('diameter-stranger', { code: verdict.why });
          if (verdict.refusal !== undefined) opened.send(encodeMessage(verdict.refusal));
          connections.delete(connection);
          opened.close();
          return;
        }
        peer = peers.get(verdict.host);
        if (peer !== undefined) step(peer, { kind: 'accepted', connection, cer: verdict.cer });
      },
      closed() {
        clearTimeout(patience);
        connections.delete(connection);
        if (peer !== undefined) step(peer, { kind: 'closed', connection });
      },
    };
  }

  /** One timer for everything that waits. */
  function arm(): void {
    clearTimeout(timer);
    if (closed) return;
    const deadlines = [requests.deadline(), ...[...peers.values()].map(({ machine }) => machine.deadline())];
    const first = Math.min(...deadlines.map((at) => at ?? Number.POSITIVE_INFINITY));
    if (first === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(tick, Math.max(0, Math.ceil(first - now())) + 1);
    if (requests.size === 0) timer.unref();
  }

  function tick(): void {
    for (const peer of peers.values()) step(peer, { kind: 'tick' });
    performAll(requests.tick(now()));
    server.sweep(now());
  }

  const { listen } = config;
  for (const { transport } of config.peers) tlsOf(transport);
  const acceptor = listen && (await acceptConnections(listen, tlsOf(listen.transport), accept));
  for (const peer of peers.values()) step(peer, { kind: 'start' });

  return {
    port: acceptor?.port,
    realm: config.realm,
    host: config.host,
    status: (peer) => peers.get(peer)?.machine.status ?? 'down',
    newSessionId: () => ids.sessionId(),
    request(command, avps, route) {
      return new Promise((resolve, reject) => {
        if (closing) throw new GbaError('peer-unreachable', 'this node is closing', { retryable: true });
        const via = route.via ?? config.peers.map(({ host }) => host);
        const { id, actions } = requests.submit({ command, avps, peers: via }, now());
        settles.set(id, { resolve, reject });
        performAll(actions);
      });
    },
    async close() {
      if (closing) return;
      closing = true;
      performAll(requests.abort());
      for (const peer of peers.values()) step(peer, { kind: 'stop' });
      const until = now() + GOODBYE_MS;
      while ([...peers.values()].some(({ machine }) => machine.state === 'closing') && now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      closed = true;
      clearTimeout(timer);
      for (const connection of connections.values()) connection.close();
      await acceptor?.close();
      server.close();
    },
  };
}
