import { GbaError } from '../../base/index.ts';
import { type Avp, type Command, type Message, RESULT, resultOf } from '../codec/index.ts';
import type { Identifiers } from './identifiers.ts';
import type { PeerStatus } from './machine.ts';

export interface OutgoingRequest {
  command: Command;
  avps: readonly Avp[];
  /** Peers that can take it, the best first. */
  peers: readonly string[];
}

/** What has to be done. */
export type RequestAction =
  | { kind: 'send'; peer: string; message: Message }
  | { kind: 'answered'; id: number; message: Message }
  | { kind: 'failed'; id: number; error: GbaError };

export interface RequestLimits {
  /** Requests without an answer, per peer. */
  maxInFlight: number;
  timeoutMs: number;
  /** How long a request waits for a peer to come up. */
  connectMs: number;
}

interface Pending extends OutgoingRequest {
  id: number;
  endToEnd: number;
  deadline: number;
  /** Waits for a peer until then. */
  waitsUntil: number | undefined;
  peer: string | undefined;
  tried: Set<string>;
  retransmitted: boolean;
  hops: number[];
}

/** Codes by which an agent says that another way may work (RFC 6733 7.1.3). */
const ELSEWHERE: ReadonlySet<number> = new Set([RESULT.UNABLE_TO_DELIVER, RESULT.TOO_BUSY]);
const RANK: Readonly<Record<PeerStatus, number>> = { okay: 0, reopening: 1, suspect: 2, down: 3 };

export type Requests = ReturnType<typeof createRequests>;

/**
 * Requests on their way: which peer gets them, failover with the T bit and the same End-to-End identifier, failback,
 * in-flight limits, timeouts (RFC 6733 5.5.4; RFC 3539 3.4). Does nothing by itself.
 */
export function createRequests(ids: Identifiers, limits: RequestLimits) {
  const pending = new Map<number, Pending>();
  const byHop = new Map<string, Pending>();
  const statuses = new Map<string, PeerStatus>();
  const inFlight = new Map<string, number>();
  let last = 0;

  const statusOf = (peer: string): PeerStatus => statuses.get(peer) ?? 'down';
  const loadOf = (peer: string): number => inFlight.get(peer) ?? 0;
  const hopKey = (peer: string, hop: number): string => `${hop}@${peer}`;

  /** The first of the best status that has room; `undefined` when all are down, `full` when none has room. */
  function choose(peers: readonly string[], not: ReadonlySet<string> = new Set()): string | 'full' | undefined {
    const up = peers.filter((peer) => statusOf(peer) !== 'down' && !not.has(peer));
    const free = up.filter((peer) => loadOf(peer) < limits.maxInFlight);
    const [best] = free.sort((a, b) => RANK[statusOf(a)] - RANK[statusOf(b)]);
    return best ?? (up.length > 0 ? 'full' : undefined);
  }

  function leave(one: Pending): void {
    if (one.peer !== undefined) inFlight.set(one.peer, loadOf(one.peer) - 1);
    one.peer = undefined;
  }

  function send(one: Pending, peer: string): RequestAction {
    leave(one);
    one.peer = peer;
    one.tried.add(peer);
    one.waitsUntil = undefined;
    inFlight.set(peer, loadOf(peer) + 1);
    const hopByHop = ids.hopByHop();
    one.hops.push(hopByHop);
    byHop.set(hopKey(peer, hopByHop), one);
    const { command, avps, endToEnd, retransmitted } = one;
    const { code, application, proxiable } = command;
    const message = {
      code,
      application,
      request: true,
      proxiable,
      error: false,
      retransmitted,
      hopByHop,
      endToEnd,
      avps,
    };
    return { kind: 'send', peer, message };
  }

  function forget(one: Pending): void {
    leave(one);
    pending.delete(one.id);
    for (const peer of one.tried) for (const hop of one.hops) byHop.delete(hopKey(peer, hop));
  }

  function fail(one: Pending, error: GbaError): RequestAction {
    forget(one);
    return { kind: 'failed', id: one.id, error };
  }

  /** The peer was lost: another one gets it, marked as possibly sent before; or it waits for one. */
  function failOver(one: Pending, now: number): RequestAction[] {
    one.retransmitted = true;
    const peer = choose(one.peers, one.tried) ?? choose(one.peers);
    if (peer !== undefined && peer !== 'full') return [send(one, peer)];
    leave(one);
    one.waitsUntil = Math.min(one.deadline, now + limits.connectMs);
    return [];
  }

  const waiting = (): number => [...pending.values()].filter((one) => one.peer === undefined).length;

  function unreachable(why: string): GbaError {
    return new GbaError('peer-unreachable', why, { retryable: true });
  }

  return {
    get size(): number {
      return pending.size;
    },
    deadline(): number | undefined {
      let first: number | undefined;
      for (const one of pending.values()) {
        const at = one.waitsUntil ?? one.deadline;
        if (first === undefined || at < first) first = at;
      }
      return first;
    },
    /** Takes a request in; throws `overloaded` (retryable) when there are too many already. */
    submit(request: OutgoingRequest, now: number): { id: number; actions: RequestAction[] } {
      const peer = choose(request.peers);
      if (peer === 'full' || (peer === undefined && waiting() >= limits.maxInFlight)) {
        throw new GbaError('overloaded', 'too many requests wait for an answer', { retryable: true });
      }
      last++;
      const deadline = now + limits.timeoutMs;
      const one: Pending = {
        ...request,
        id: last,
        endToEnd: ids.endToEnd(),
        deadline,
        waitsUntil: Math.min(deadline, now + limits.connectMs),
        peer: undefined,
        tried: new Set(),
        retransmitted: false,
        hops: [],
      };
      pending.set(one.id, one);
      return { id: one.id, actions: peer === undefined ? [] : [send(one, peer)] };
    },
    /** A peer's link changed: what was sent to a lost one fails over, what waits is sent. */
    status(peer: string, status: PeerStatus, now: number): RequestAction[] {
      statuses.set(peer, status);
      const actions: RequestAction[] = [];
      for (const one of [...pending.values()]) {
        if (one.peer === peer && status === 'down') actions.push(...failOver(one, now));
        else if (one.peer === peer && status === 'suspect') {
          // A suspect link may still answer: only a better one is worth a second request.
          const other = choose(one.peers, one.tried);
          if (other !== undefined && other !== 'full' && statusOf(other) === 'okay')
            actions.push(...failOver(one, now));
        } else if (one.peer === undefined && status !== 'down' && one.peers.includes(peer)) {
          const chosen = choose(one.peers);
          if (chosen !== undefined && chosen !== 'full') actions.push(send(one, chosen));
        }
      }
      return actions;
    },
    /** An answer that passed the checks; one that nobody waits for is dropped (RFC 6733 3). */
    answer(peer: string, message: Message): RequestAction[] {
      const one = byHop.get(hopKey(peer, message.hopByHop));
      if (
        one === undefined ||
        one.endToEnd !== message.endToEnd ||
        one.command.code !== message.code ||
        one.command.application !== message.application
      ) {
        return [];
      }
      const code = message.error ? resultOf(message)?.code : undefined;
      if (code !== undefined && ELSEWHERE.has(code) && one.peer === peer) {
        const other = choose(one.peers, one.tried);
        if (other !== undefined && other !== 'full') {
          // After an answer nothing is sent "possibly again": the peer said that it did not do it.
          one.retransmitted = false;
          return [send(one, other)];
        }
      }
      forget(one);
      return [{ kind: 'answered', id: one.id, message }];
    },
    /** An answer that did not pass the checks: its request has failed, for its peer cannot be understood. */
    invalid(peer: string, hopByHop: number, cause: GbaError): RequestAction[] {
      const one = byHop.get(hopKey(peer, hopByHop));
      if (one === undefined) return [];
      return [fail(one, new GbaError('peer-refused', 'the answer of the Diameter peer cannot be read', { cause }))];
    },
    tick(now: number): RequestAction[] {
      const late = [...pending.values()].filter((one) => (one.waitsUntil ?? one.deadline) <= now);
      return late.map((one) =>
        fail(
          one,
          unreachable(one.peer === undefined ? 'no Diameter peer is connected' : 'the Diameter peer is silent'),
        ),
      );
    },
    /** The node ends. */
    abort(): RequestAction[] {
      return [...pending.values()].map((one) => fail(one, unreachable('this node is closing')));
    },
  };
}
