import { type Random, systemRandom } from '../../../src/base/index.ts';
import {
  checkMessage,
  decodeMessage,
  encodeMessage,
  type Message,
  ZH_APPLICATION,
} from '../../../src/diameter/index.ts';
import type { LocalNode } from '../../../src/diameter/peer/capabilities.ts';
import { createIdentifiers } from '../../../src/diameter/peer/identifiers.ts';
import {
  createPeerMachine,
  type PeerAction,
  type PeerInput,
  type PeerMachine,
} from '../../../src/diameter/peer/machine.ts';

/** Always the middle: no jitter. */
export const evenRandom: Random = { bytes: (length) => Buffer.alloc(length, 0x7f) };
export const clock = { now: () => Date.UTC(2027, 0, 1) };

export const localOf = (host: string, applications: readonly number[] = [ZH_APPLICATION]): LocalNode => ({
  host,
  realm: 'test',
  applications,
  originStateId: 7,
});

export function machineOf(
  host: string,
  peer: string,
  options: { initiates?: boolean; applications?: readonly number[]; watchdogMs?: number } = {},
): PeerMachine {
  return createPeerMachine({
    local: localOf(host, options.applications),
    host: peer,
    initiates: options.initiates ?? true,
    watchdogMs: options.watchdogMs ?? 30_000,
    ids: createIdentifiers(host, clock, systemRandom),
    random: evenRandom,
    addressOf: () => '127.0.0.1',
  });
}

/** As it would come out of a socket. */
export function carried(message: Message): Message {
  const decoded = decodeMessage(encodeMessage(message));
  checkMessage(decoded);
  return decoded;
}

export const kinds = (actions: readonly PeerAction[]): string[] =>
  actions.map((action) => (action.kind === 'status' ? `status ${action.status}` : action.kind));

type Side = 'a' | 'b';
type Event = { to: Side } & ({ what: 'up' } | { what: 'closed' } | { what: 'message'; message: Message });
interface Link {
  by: Side;
  ends: Partial<Record<Side, number>>;
  queues: Record<Side, Event[]>;
  gone: Record<Side, boolean>;
}

/** Two machines and the network between them; whoever holds it decides what happens next. */
export function createPair(initiates: { a: boolean; b: boolean }, names = { a: 'a.test', b: 'b.test' }) {
  const machines: Record<Side, PeerMachine> = {
    a: machineOf(names.a, names.b, { initiates: initiates.a }),
    b: machineOf(names.b, names.a, { initiates: initiates.b }),
  };
  const links: Link[] = [];
  const delivered: Record<Side, Message[]> = { a: [], b: [] };
  let accepted = 1_000;
  const other = (side: Side): Side => (side === 'a' ? 'b' : 'a');
  const linkOf = (side: Side, connection: number): Link | undefined =>
    links.find((link) => link.ends[side] === connection);

  function perform(side: Side, actions: readonly PeerAction[]): void {
    for (const action of actions) {
      if (action.kind === 'connect') {
        const link: Link = {
          by: side,
          ends: { [side]: action.connection },
          queues: { a: [], b: [] },
          gone: { a: false, b: false },
        };
        link.queues[side].push({ to: side, what: 'up' });
        links.push(link);
      } else if (action.kind === 'deliver') {
        delivered[side].push(action.message);
      } else if (action.kind === 'send' || action.kind === 'close') {
        const link = linkOf(side, action.connection);
        if (link === undefined || link.gone[side]) continue;
        const to = other(side);
        if (action.kind === 'send') link.queues[to].push({ to, what: 'message', message: carried(action.message) });
        else {
          link.gone[side] = true;
          link.queues[side] = [{ to: side, what: 'closed' }];
          link.queues[to].push({ to, what: 'closed' });
        }
      }
    }
  }

  function step(side: Side, input: PeerInput, now = 0): void {
    perform(side, machines[side].step(input, now));
  }

  function happen(link: Link, event: Event, now: number): void {
    const side = event.to;
    const connection = link.ends[side];
    if (event.what === 'up') {
      if (connection !== undefined) step(side, { kind: 'connected', connection }, now);
    } else if (event.what === 'closed') {
      if (!link.gone[side]) {
        link.gone[side] = true;
        link.queues[other(side)].push({ to: other(side), what: 'closed' });
      }
      if (connection !== undefined) step(side, { kind: 'closed', connection }, now);
    } else if (connection !== undefined) {
      if (!link.gone[side]) step(side, { kind: 'message', connection, message: event.message }, now);
    } else {
      accepted++;
      link.ends[side] = accepted;
      step(side, { kind: 'accepted', connection: accepted, cer: event.message }, now);
    }
  }

  const heads = () =>
    links.flatMap((link) =>
      (['a', 'b'] as const).flatMap((side) => {
        const [event] = link.queues[side];
        return event === undefined ? [] : [{ link, side, event }];
      }),
    );

  return {
    machines,
    delivered,
    step,
    /** How many events may come next: the first of each direction of each connection. */
    pending: () => heads().length,
    /** Does the choice-th of them; how many there were. */
    next(choice: number, now = 0): number {
      const due = heads();
      const head = due[choice];
      if (head === undefined) return 0;
      head.link.queues[head.side].shift();
      happen(head.link, head.event, now);
      return due.length;
    },
    settle(now = 0): void {
      for (let i = 0; i < 200 && this.next(0, now) > 0; i++);
    },
    /** Both are open, on the two ends of one connection. */
    joined(): boolean {
      const [a, b] = [machines.a.connection, machines.b.connection];
      return a !== undefined && b !== undefined && links.some(({ ends }) => ends.a === a && ends.b === b);
    },
    cut(): void {
      for (const link of links) {
        for (const side of ['a', 'b'] as const) {
          if (!link.gone[side]) link.queues[side] = [{ to: side, what: 'closed' }];
        }
      }
    },
  };
}
