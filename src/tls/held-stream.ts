import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { CLIENT_KEY_EXCHANGE, HandshakeReader, SERVER_HELLO } from './handshake-reader.ts';
import { suiteOfServerHello } from './key-exchange.ts';
import { malformed } from './octets.ts';

const MAX_MESSAGE = 16_384;

export interface HeldWork {
  /** With the body of the ClientKeyExchange and the suite that the server chose. */
  fetchKey(keyExchange: Buffer, suite: number): Promise<void>;
  /** The handshake cannot go on; called before the connection is closed. */
  failed(error: unknown): void;
}

/**
 * Stands between the network and the TLS library while a PSK handshake of TLS 1.2 runs: the library asks for the key at once, but
 * the key comes from the BSF. So the ClientKeyExchange, which is in clear, is kept back until `fetchKey` has done its work; the
 * reading from the network rests meanwhile. Afterwards all octets pass untouched.
 */
export class HeldStream extends Duplex {
  readonly #socket: Socket;
  readonly #work: HeldWork;
  #incoming: HandshakeReader | undefined = new HandshakeReader(MAX_MESSAGE);
  #outgoing: HandshakeReader | undefined = new HandshakeReader(MAX_MESSAGE);
  #suite: number | undefined;
  #held = false;

  constructor(socket: Socket, work: HeldWork) {
    super();
    this.#socket = socket;
    this.#work = work;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => void this.push(null));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
    socket.pause();
  }

  #receive(chunk: Buffer): void {
    try {
      const exchange = this.#incoming?.push(chunk).find(({ type }) => type === CLIENT_KEY_EXCHANGE);
      if (exchange === undefined) {
        if (!this.push(chunk)) this.#socket.pause();
        return;
      }
      if (this.#suite === undefined) throw malformed('a ClientKeyExchange before the ServerHello');
      this.#incoming = undefined;
      this.#held = true;
      this.#socket.pause();
      this.#work.fetchKey(exchange.body, this.#suite).then(
        () => {
          this.#held = false;
          if (!this.destroyed && this.push(chunk)) this.#socket.resume();
        },
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#work.failed(error);
    this.destroy();
  }

  override _read(): void {
    if (!this.#held) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      const hello = this.#outgoing?.push(chunk).find(({ type }) => type === SERVER_HELLO);
      if (hello !== undefined) {
        this.#suite = suiteOfServerHello(hello.body);
        this.#outgoing = undefined;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroySoon();
    done(error);
  }
}
