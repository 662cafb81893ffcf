import { X509Certificate } from 'node:crypto';
import { GbaError } from '../src/base/index.ts';
import {
  answerOf,
  type ClientOptions,
  clientOver,
  identityOf,
  type Listener,
  type ListenOptions,
  type Net,
  type SendOptions,
  wireOf,
} from '../src/http/index.ts';
import { makeRequest, type SimAnswer, type SimRequestOptions, SimResponse, type SimSocket } from './exchange.ts';
import type { Faults } from './faults.ts';
import { type Kernel, type Life, never } from './kernel.ts';

const TIMEOUT_MS = 10_000;
const CIPHER = 'TLS_AES_256_GCM_SHA384';

interface Server {
  life: Life;
  listener: Listener;
  options: ListenOptions;
}

/** A message as whoever sits on the wire could record it. */
export interface Heard extends SimRequestOptions {
  from: string;
  to: string;
  port: number;
  /** PEM of the client certificate, if one was shown. */
  certificate: string | undefined;
  secure: boolean;
}

export interface NetWatch {
  request(heard: Heard): void;
  answer(heard: Heard, answer: SimAnswer): void;
  /** May put another answer in the place of one that no TLS protects. */
  swap(heard: Heard, answer: SimAnswer): SimAnswer;
}

/** Connections of all runs of this process: what is read of a certificate is read once. */
const sockets = new Map<string, SimSocket>();
const certificates = new Map<string, X509Certificate>();
const names = new Map<string, readonly string[]>();

function certificateOf(pem: string): X509Certificate {
  const known = certificates.get(pem) ?? new X509Certificate(pem);
  certificates.set(pem, known);
  return known;
}

function namesOf(pem: string): readonly string[] {
  const known = names.get(pem) ?? identityOf(certificateOf(pem)).names;
  names.set(pem, known);
  return known;
}

/** One network for all parties: by port, as they are configured; what it does to a message is up to the faults. */
export class SimNet {
  readonly #kernel: Kernel;
  readonly #faults: Faults;
  readonly #watch: NetWatch;
  readonly #nameOf: (port: number) => string;
  readonly #servers = new Map<number, Server>();
  /** Pairs that cannot reach each other. */
  readonly cut = new Set<string>();

  constructor(kernel: Kernel, faults: Faults, watch: NetWatch, nameOf: (port: number) => string) {
    this.#kernel = kernel;
    this.#faults = faults;
    this.#watch = watch;
    this.#nameOf = nameOf;
  }

  /** The network as one life of a party sees it. */
  of(life: Life): Net {
    return {
      createClient: (options) => {
        const send = (method: string, path: string, sending?: SendOptions) =>
          this.#send(life, options, requestOf(options, method, path, sending));
        return clientOver(send, options.serverName ?? options.url, () => undefined);
      },
      listen: async (listener, options) => {
        if (!life.alive) return never();
        this.#servers.set(options.port, { life, listener, options });
        return {
          port: options.port,
          close: async () => {
            if (this.#servers.get(options.port)?.life === life) this.#servers.delete(options.port);
          },
        };
      },
    };
  }

  /** One request by somebody who is no party: for attackers. */
  inject(heard: Heard, answered: (answer: SimAnswer | undefined) => void): void {
    const server = this.#servers.get(heard.port);
    if (server === undefined || !server.life.alive || heard.secure !== (server.options.tls !== undefined)) return;
    if (server.options.clientCertificate === 'required' && heard.certificate === undefined) return;
    this.#serve(server, heard, answered);
  }

  #send(life: Life, options: ClientOptions, request: SimRequestOptions) {
    if (!life.alive) return never();
    const { port, protocol } = urlOf(options);
    const to = this.#nameOf(Number(port));
    const name = `${life.name}/${life.number} ${request.method} ${request.path.split('?', 1)[0]} to ${to}`;
    const message = `${name} ${life.count(name)}`;
    const secure = protocol === 'https:';
    const { cert } = options.tls ?? {};
    const heard: Heard = { ...request, from: life.name, to, port: Number(port), certificate: cert, secure };
    return new Promise<ReturnType<typeof answerOf>>((resolve, reject) => {
      const fail = (): void => {
        if (life.alive) reject(new GbaError('peer-unreachable', `no answer from ${to}`, { retryable: true }));
      };
      if (this.#faults.kills(life, `${message} before`)) return;
      const giveUp = this.#kernel.after(options.timeoutMs ?? TIMEOUT_MS, fail);
      const settle = (answer: SimAnswer | undefined): void => {
        giveUp();
        if (!life.alive) return;
        if (answer === undefined) fail();
        else resolve(answerOf({ ...answer, cipherSuite: secure ? CIPHER : undefined }));
      };
      this.#carry(heard, message, options, settle);
      if (this.#faults.doubled(message)) this.#carry(heard, `${message} again`, options, settle);
      this.#faults.kills(life, `${message} after`);
    });
  }

  #carry(heard: Heard, message: string, options: ClientOptions, settle: (answer?: SimAnswer) => void): void {
    const faults = this.#faults;
    if (this.#isCut(heard) || faults.lost(message)) return;
    this.#kernel.after(faults.wayMs(message), () => {
      const server = this.#servers.get(heard.port);
      if (server === undefined || !server.life.alive || !isExpected(server.options, options, heard)) return settle();
      if (this.#isCut(heard)) return;
      this.#watch.request(heard);
      this.#serve(server, heard, (answer) => {
        if (!server.life.alive) return;
        if (answer === undefined) return settle();
        if (faults.kills(server.life, `${message} answering`)) return;
        if (faults.lost(`answer to ${message}`)) return;
        const shown = heard.secure ? answer : this.#watch.swap(heard, answer);
        const way = faults.late(`answer to ${message}`) ? TIMEOUT_MS * 1.5 : faults.wayMs(`answer to ${message}`);
        this.#kernel.after(way, () => {
          if (this.#isCut(heard)) return;
          this.#watch.answer(heard, shown);
          settle(shown);
        });
      });
    });
  }

  #serve(server: Server, heard: Heard, answered: (answer: SimAnswer | undefined) => void): void {
    const socket = this.#socketOf(server, heard);
    const req = makeRequest(socket, heard);
    server.listener(req, new SimResponse(req, answered));
  }

  /** One connection for all requests of one client to one server, as keep-alive has it. */
  #socketOf({ options }: Server, { from, port, certificate, secure }: Heard): SimSocket {
    const key = `${from} ${port} ${certificate ?? ''}`;
    const known = sockets.get(key);
    if (known !== undefined) return known;
    const asked = (options.clientCertificate ?? 'none') !== 'none';
    const socket: SimSocket = { remoteAddress: '127.0.0.1' };
    if (secure) {
      const shown = asked && certificate !== undefined ? certificateOf(certificate) : undefined;
      Object.assign(socket, {
        encrypted: true,
        authorized: shown !== undefined,
        getPeerX509Certificate: () => shown,
        getCipher: () => ({ standardName: CIPHER }),
      });
    }
    sockets.set(key, socket);
    return socket;
  }

  #isCut({ from, to }: Heard): boolean {
    return this.cut.has(`${from} ${to}`) || this.cut.has(`${to} ${from}`);
  }
}

/** Would the TLS handshake have come to its end? */
function isExpected(server: ListenOptions, client: ClientOptions, { secure, certificate }: Heard): boolean {
  if (secure !== (server.tls !== undefined)) return false;
  if (server.tls === undefined) return true;
  if (server.clientCertificate === 'required' && certificate === undefined) return false;
  return namesOf(server.tls.cert).includes(client.serverName ?? urlOf(client).hostname);
}

const urls = new WeakMap<ClientOptions, URL>();

function urlOf(options: ClientOptions): URL {
  const known = urls.get(options) ?? new URL(options.url);
  urls.set(options, known);
  return known;
}

function requestOf(options: ClientOptions, method: string, path: string, sending: SendOptions = {}): SimRequestOptions {
  const { body, headers } = wireOf(sending);
  const { hostname, port } = urlOf(options);
  return {
    method,
    path,
    headers: {
      host: `${options.serverName ?? hostname}:${port}`,
      ...headers,
    },
    body: Buffer.from(body ?? []),
  };
}
