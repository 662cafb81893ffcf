import { createServer } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';

/** What the TLS library sends first, as a client with these options: octets of the ClientHello's record. */
export async function clientHelloOf(options: ConnectionOptions): Promise<Buffer> {
  let client: ReturnType<typeof connect> | undefined;
  const hello = await new Promise<Buffer>((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (octets) => {
        resolve(octets);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      client = connect({ host: '127.0.0.1', port, ...options });
      client.on('error', () => undefined);
    });
  });
  client?.destroy();
  return hello;
}

/** A handshake message in records of at most `size` octets. */
export function recordsOf(type: number, body: Uint8Array, size = 16_384): Buffer {
  const head = Buffer.from([type, 0, 0, 0]);
  head.writeUIntBE(body.length, 1, 3);
  const message = Buffer.concat([head, body]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const fragment = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, fragment.length >> 8, fragment.length & 255]), fragment);
  }
  return Buffer.concat(records);
}

export const KEY = Buffer.alloc(32, 7);
export const FQDN = 'naf.test';
export const BTID = 'AAECAwQFBgcICQoLDA0ODw==@bsf.test';
export const IDENTITY = `3GPP-bootstrapping;${BTID}`;
export const withPsk = (identity = IDENTITY, psk: Buffer = KEY) => ({
  servername: FQDN,
  pskCallback: () => ({ psk, identity }),
});
