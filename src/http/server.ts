import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createTally, GbaError, type Log, systemClock } from '../base/index.ts';
import { type PskSource, servePsk } from '../tls/index.ts';
import { createConnections } from './connections.ts';
import { sendProblem } from './problem.ts';
import type { Listener } from './router.ts';

/** PEM texts. `ca` verifies the other end. */
export interface TlsCredentials {
  cert: string;
  key: string;
  ca: string;
}

/** What one server takes at most, and how long it goes on answering when it is to end. */
export interface ServerLimits {
  connections?: number | undefined;
  connectionsPerAddress?: number | undefined;
  drainSeconds?: number | undefined;
}

export interface ListenOptions {
  address: string;
  port: number;
  limits?: ServerLimits | undefined;
  /** Told how many connections were turned away. */
  log?: Log;
  tls?: TlsCredentials;
  /** `none` for subscribers' devices (server-authenticated TLS), `optional` asks, `required` refuses others. */
  clientCertificate?: 'none' | 'optional' | 'required';
  /** PSK TLS for the clients that offer it (TS 33.222 5.4), on the same port; needs `tls`, for the others. */
  psk?: PskSource;
}

export interface RunningServer {
  port: number;
  /** Takes nothing new, answers what is under way within `limits.drainSeconds`, and resolves when no connection is left. */
  close(): Promise<void>;
}

export const DEFAULT_LIMITS = { connections: 10_000, connectionsPerAddress: 1_000, drainSeconds: 5 } as const;
const MAX_HEADERS = 100;
const HTTP_LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
};

/** Opens a server with bounded connections, headers, header time and idle time; TLS 1.2 and 1.3 only (TS 33.210 6.2.1). */
export async function listen(listener: Listener, options: ListenOptions): Promise<RunningServer> {
  const { tls, log, address, port } = options;
  const { connections = DEFAULT_LIMITS.connections, connectionsPerAddress = DEFAULT_LIMITS.connectionsPerAddress } =
    options.limits ?? {};
  const drainMs = (options.limits?.drainSeconds ?? DEFAULT_LIMITS.drainSeconds) * 1000;
  const server: Server = tls === undefined ? createServer(HTTP_LIMITS) : tlsServer(tls, options);
  const tally = log && createTally(log, 'connections-refused', systemClock, { server: `${address}:${port}` });
  const known = createConnections({ connections, connectionsPerAddress }, tally);
  server.on('request', (req, res) => {
    known.begin(req, res);
    if (req.rawHeaders.length > MAX_HEADERS * 2) sendProblem(res, tooManyHeaders(), { connection: 'close' });
    else listener(req, res);
  });
  // Before the listeners of HTTP or TLS: a connection without room costs neither parser nor handshake.
  const taken = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    if (!known.admit(socket)) return;
    if (tls === undefined) known.see(socket);
    for (const take of taken) take.call(server, socket);
  });
  server.on('secureConnection', known.see);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new GbaError('listen-failed', `cannot listen on ${address}:${port}`, { cause })),
    );
    server.listen(port, address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        tally?.flush();
        server.close(() => resolve());
        server.closeIdleConnections();
        known.drain(drainMs);
      }),
  };
}

function tlsServer(tls: TlsCredentials, options: ListenOptions): TlsServer {
  const server = createTlsServer({
    ...HTTP_LIMITS,
    ...tls,
    minVersion: 'TLSv1.2',
    handshakeTimeout: 10_000,
    requestCert: (options.clientCertificate ?? 'none') !== 'none',
    rejectUnauthorized: options.clientCertificate === 'required',
  });
  if (options.psk !== undefined) servePsk(server, tls, options.psk);
  return server;
}

const tooManyHeaders = (): GbaError => new GbaError('headers-too-many', `more than ${MAX_HEADERS} header fields`);
