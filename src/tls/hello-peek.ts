import type { Socket } from 'node:net';
import { GbaError } from '../base/index.ts';
import { type ClientHello, parseClientHello } from './client-hello.ts';
import { CLIENT_HELLO, HandshakeReader } from './handshake-reader.ts';
import { malformed } from './octets.ts';

/** Largest ClientHello, octets. */
const MAX_CLIENT_HELLO = 16_384;

/**
 * Reads the ClientHello of a new connection and puts all octets back, so that the TLS library finds the connection untouched.
 * Rejects with `tls-malformed`, or `peer-unreachable` when the connection ends first.
 */
export function peekClientHello(socket: Socket): Promise<ClientHello> {
  const reader = new HandshakeReader(MAX_CLIENT_HELLO);
  const read: Buffer[] = [];
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.off('readable', onReadable).off('close', onClose).off('end', onClose);
      act();
    };
    const onClose = (): void => settle(() => reject(new GbaError('peer-unreachable', 'the connection has ended')));
    const onReadable = (): void => {
      try {
        for (let chunk = socket.read(); chunk instanceof Buffer; chunk = socket.read()) {
          read.push(chunk);
          const [first] = reader.push(chunk);
          if (first === undefined) continue;
          if (first.type !== CLIENT_HELLO) throw malformed('a client begins with its ClientHello');
          const hello = parseClientHello(first.body);
          settle(() => {
            socket.unshift(Buffer.concat(read));
            resolve(hello);
          });
          return;
        }
      } catch (error) {
        settle(() => reject(error));
      }
    };
    socket.on('readable', onReadable).on('close', onClose).on('end', onClose);
  });
}
