import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { addressKey, type Tally } from '../base/index.ts';

/** Draining, so long a connection may still begin a request: one may be on its way. */
const SILENT_MS = 500;

/**
 * The connections of one server: so many in all and from one address, and their end. Draining, a connection that has nothing to
 * answer is closed, one that has says `connection: close` with its last answer.
 */
export function createConnections(
  limits: { connections: number; connectionsPerAddress: number },
  tally: Tally | undefined,
) {
  /** Requests without an answer yet, by the socket that HTTP sees. */
  const busy = new Map<Socket, Set<ServerResponse>>();
  const open = new Set<Socket>();
  const perAddress = new Map<string, number>();
  let draining = false;

  /** False when there is no room for it: it is gone then. */
  function admit(socket: Socket): boolean {
    const address = addressKey(socket.remoteAddress);
    const count = perAddress.get(address) ?? 0;
    const full = open.size >= limits.connections ? 'perServer' : 'perAddress';
    if (full === 'perServer' || count >= limits.connectionsPerAddress) {
      tally?.add(full);
      socket.destroy();
      return false;
    }
    open.add(socket);
    perAddress.set(address, count + 1);
    socket.once('close', () => {
      open.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
    return true;
  }

  /** The socket that HTTP sees: over TLS another one than was admitted. */
  function see(socket: Socket): void {
    busy.set(socket, new Set());
    socket.once('close', () => busy.delete(socket));
  }

  function begin({ socket }: IncomingMessage, res: ServerResponse): void {
    const answers = busy.get(socket);
    answers?.add(res);
    if (draining) sayLast(res);
    res.once('close', () => {
      answers?.delete(res);
      if (draining && answers?.size === 0) socket.destroySoon();
    });
  }

  const destroyAll = (sockets: Iterable<Socket>): void => {
    for (const socket of sockets) socket.destroy();
  };
  const silent = (): Socket[] => [...busy].filter(([, answers]) => answers.size === 0).map(([socket]) => socket);

  return {
    admit,
    see,
    begin,
    /** Takes nothing new; who has no answer when `ms` are over is cut off. */
    drain(ms: number): void {
      draining = true;
      for (const answers of busy.values()) for (const res of answers) sayLast(res);
      setTimeout(() => destroyAll(silent()), Math.min(SILENT_MS, ms)).unref();
      setTimeout(() => destroyAll(open), ms).unref();
    },
  };
}

function sayLast(res: ServerResponse): void {
  res.shouldKeepAlive = false;
  if (!res.headersSent) res.setHeader('connection', 'close');
}
