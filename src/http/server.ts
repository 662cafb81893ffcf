import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { GbaError } from '../base/index.ts';
import { type PskSource, servePsk } from '../tls/index.ts';
import type { Listener } from './router.ts';

/** PEM texts. `ca` verifies the other end. */
export interface TlsCredentials {
  cert: string;
  key: string;
  ca: string;
}

export interface ListenOptions {
  address: string;
  port: number;
  tls?: TlsCredentials;
  /** `none` for subscribers' devices (server-authenticated TLS), `optional` asks, `required` refuses others. */
  clientCertificate?: 'none' | 'optional' | 'required';
  /** PSK TLS for the clients that offer it (TS 33.222 5.4), on the same port; needs `tls`, for the others. */
  psk?: PskSource;
}

export interface RunningServer {
  port: number;
  close(): Promise<void>;
}

/** Opens a server with bounded headers, header time and idle time; TLS 1.2 and 1.3 only (TS 33.210 6.2.1). */
export async function listen(listener: Listener, options: ListenOptions): Promise<RunningServer> {
  const limits = { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 30_000 };
  const server: Server =
    options.tls === undefined ? createServer(limits, listener) : tlsServer(listener, limits, options.tls, options);
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', track);
  server.on('secureConnection', track);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new GbaError('listen-failed', `cannot listen on ${options.address}:${options.port}`, { cause })),
    );
    server.listen(options.port, options.address, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, 500).unref();
      }),
  };
}

function tlsServer(listener: Listener, limits: object, tls: TlsCredentials, options: ListenOptions): TlsServer {
  const server = createTlsServer(
    {
      ...limits,
      ...tls,
      minVersion: 'TLSv1.2',
      requestCert: (options.clientCertificate ?? 'none') !== 'none',
      rejectUnauthorized: options.clientCertificate === 'required',
    },
    listener,
  );
  if (options.psk !== undefined) servePsk(server, tls, options.psk);
  return server;
}
