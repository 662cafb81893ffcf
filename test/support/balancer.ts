import { connect, createServer, type Socket } from 'node:net';

export interface Balancer {
  port: number;
  /** Connections that a backend took, by its port. */
  taken(port: number): number;
  close(): Promise<void>;
}

/** A plain TCP balancer: one backend after the other, the next one when a connection is refused. It knows nothing of what it carries. */
export function startBalancer(port: number, backends: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  const taken = new Map<number, number>();
  let turn = 0;

  function track(socket: Socket): void {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
  }

  function forward(client: Socket, left: readonly number[]): void {
    const [next, ...others] = left;
    if (next === undefined) {
      client.resetAndDestroy();
      return;
    }
    const backend = connect({ host: '127.0.0.1', port: next, allowHalfOpen: true });
    track(backend);
    const refused = (): void => forward(client, others);
    backend.once('error', refused);
    backend.once('connect', () => {
      backend.off('error', refused);
      taken.set(next, (taken.get(next) ?? 0) + 1);
      // When either end is gone, so is the other.
      backend.once('close', () => client.destroy());
      client.once('close', () => backend.destroy());
      if (client.destroyed) backend.destroy();
      client.pipe(backend).pipe(client);
    });
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    track(client);
    const first = turn++ % backends.length;
    forward(client, [...backends.slice(first), ...backends.slice(0, first)]);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () =>
      resolve({
        port,
        taken: (one) => taken.get(one) ?? 0,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            for (const socket of open) socket.destroy();
          }),
      }),
    );
  });
}
