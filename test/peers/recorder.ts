import { connect, createServer, type Socket } from 'node:net';

/** Octets that went one way at one moment. */
export interface Piece {
  connection: number;
  /** From who connected. */
  forward: boolean;
  octets: Buffer;
}

/** Stands between two ends, passes everything on and keeps it. */
export async function startRecorder(
  target: () => number,
): Promise<{ port: number; pieces: Piece[]; close(): Promise<void> }> {
  const pieces: Piece[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections++;
    const connection = connections;
    const far = connect(target(), '127.0.0.1');
    const pass = (from: Socket, to: Socket, forward: boolean): void => {
      sockets.add(from);
      from.on('data', (octets: Buffer) => {
        pieces.push({ connection, forward, octets });
        to.write(octets);
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    pass(near, far, true);
    pass(far, near, false);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    pieces,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
