import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, TLSSocket } from 'node:tls';
import { GbaError } from '../../base/index.ts';
import { createFramer } from '../codec/index.ts';

/** PEM texts: own chain and key, and the authority that verifies the other end. */
export interface TlsFiles {
  cert: string;
  key: string;
  ca: string;
}

/** A transport connection that carries whole messages. */
export interface Connection {
  readonly transport: 'tcp' | 'tls';
  readonly localAddress: string;
  send(octets: Buffer): void;
  close(): void;
  /** Does the certificate of the other end carry this name? True without TLS: then another layer has to know. */
  proves(host: string): boolean;
}

export interface ConnectionEvents {
  open(connection: Connection): void;
  message(octets: Buffer): void;
  /** What came cannot be taken, and the connection is being ended. */
  lost(error: unknown): void;
  /** Once, also when it never opened. */
  closed(): void;
}

/** A peer that does not read is given up at this many waiting octets. */
const BACKLOG = 4 * 1024 * 1024;

function wrap(socket: Socket, events: ConnectionEvents, isOpen: boolean): Connection {
  const framer = createFramer();
  const transport = socket instanceof TLSSocket ? 'tls' : 'tcp';
  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const octets of framer.push(chunk)) events.message(octets);
    } catch (error) {
      // No Diameter: the stream is lost (RFC 6733 2.1). Only TCP can be reset.
      if (transport === 'tcp') socket.resetAndDestroy();
      else socket.destroy();
      events.lost(error);
    }
  });
  socket.on('error', () => socket.destroy());
  socket.once('close', () => events.closed());
  const connection: Connection = {
    transport,
    get localAddress() {
      return socket.localAddress ?? '127.0.0.1';
    },
    send(octets) {
      if (socket.destroyed || !socket.writable) return;
      socket.write(octets);
      if (socket.writableLength > BACKLOG) socket.destroy();
    },
    close() {
      // What was written (a CEA that refuses, a DPA) still goes out, then nothing is waited for.
      socket.end();
      setTimeout(() => socket.destroy(), 1_000).unref();
    },
    proves(host) {
      if (!(socket instanceof TLSSocket)) return true;
      if (!socket.authorized) return false;
      return socket.getPeerX509Certificate()?.checkHost(host, { wildcards: false }) !== undefined;
    },
  };
  if (isOpen) events.open(connection);
  else socket.once(transport === 'tls' ? 'secureConnect' : 'connect', () => events.open(connection));
  return connection;
}

/** Connects; with `tls` the server's certificate must carry `host`. The outcome comes as an event. */
export function openConnection(
  target: { address: string; port: number; host: string },
  tls: TlsFiles | undefined,
  events: ConnectionEvents,
): Connection {
  const { address, port, host } = target;
  const socket =
    tls === undefined
      ? connectTcp({ host: address, port })
      : connectTls({ host: address, port, ...tls, servername: host, minVersion: 'TLSv1.2' });
  return wrap(socket, events, false);
}

export interface Acceptor {
  port: number;
  close(): Promise<void>;
}

/** Listens; with `tls` clients must show a certificate. `events` is called for every connection that is ready. */
export async function acceptConnections(
  at: { address: string; port: number },
  tls: TlsFiles | undefined,
  events: () => ConnectionEvents,
): Promise<Acceptor> {
  const sockets = new Set<Socket>();
  const take = (socket: Socket): void => void wrap(socket, events(), true);
  const server: Server =
    tls === undefined
      ? createTcpServer(take)
      : createTlsServer(
          { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 },
          take,
        );
  server.maxConnections = 1_024;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new GbaError('listen-failed', `cannot listen on ${at.address}:${at.port}`, { cause })),
    );
    server.listen(at.port, at.address, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : at.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
