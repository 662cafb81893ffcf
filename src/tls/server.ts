import { constants } from 'node:crypto';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { codeOf, GbaError, type SecretKey } from '../base/index.ts';
import { UA_PSK_TLS13, uaIdOfCipherSuite } from '../gba/index.ts';
import { FFDHE3072 } from './dh-group.ts';
import { HeldStream } from './held-stream.ts';
import { peekClientHello } from './hello-peek.ts';
import { makeHint, parseIdentity, type UaIdentity, type UaKeyChoice } from './identity.ts';
import { identityOfKeyExchange } from './key-exchange.ts';
import { malformed } from './octets.ts';
import { routeOf } from './route.ts';
import { PLAIN_PSK_SUITES, PSK_SUITES, type PskSuite, TLS13_SUITES } from './suites.ts';
import { type PskTunnel, setPskTunnel } from './tunnel.ts';

/** Where a server gets the keys of its PSK clients. */
export interface PskSource {
  /** Name of this NAF: a ClientHello for another one is served by certificate. */
  fqdn: string;
  /** Keys taken, the preferred one first; all of them stand in the hint. */
  choices: readonly UaKeyChoice[];
  /** Also suites of TLS 1.2 without forward secrecy, for old clients. */
  plainSuites?: boolean;
  /** A copy of the key, which the caller erases; undefined for a B-TID that has none. Rejects when that cannot be known now. */
  find(identity: UaIdentity, uaId: Buffer): Promise<SecretKey | undefined>;
  /** A handshake that came to nothing, by code. */
  refused(code: string): void;
}

/** From the first octet to the end of the handshake, with the way to the BSF in it. */
const HANDSHAKE_MS = 15_000;
/** Handshakes that wait for keys at the same time. */
const MAX_WAITING = 1024;

/** Alerts (RFC 8446 6.2) that are sent in clear, before there are keys. */
const ALERTS: Readonly<Record<string, number>> = { 'naf-not-allowed': 49, 'tls-malformed': 50 };
const INTERNAL_ERROR = 80;

/** A key of this handshake, by the text under which the TLS library asks for it. */
interface Found {
  tunnel: PskTunnel;
  key: SecretKey;
}

/**
 * PSK TLS of Ua on a server that has certificates too (TS 33.222 5.3 and 5.4, on one port). Clients that offer no PSK for this NAF
 * are left to the server as it was. PSK connections are never resumed: no ticket of theirs is any good, so that no session outlives
 * its key; a PSK handshake costs no signature anyway.
 */
export function servePsk(server: HttpsServer, credentials: { cert: string; key: string }, source: PskSource): void {
  const suites = source.plainSuites === true ? [...PSK_SUITES, ...PLAIN_PSK_SUITES] : PSK_SUITES;
  const terms = { fqdn: source.fqdn, choices: source.choices, suites };
  const tls13 = contextOf({ ...credentials, minVersion: 'TLSv1.3', ciphers: TLS13_SUITES.join(':') });
  const ciphers = suites.map(({ openssl }) => openssl).join(':');
  const tls12 = contextOf({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers, dhparam: FFDHE3072 });
  const byCertificate = server.listeners('connection');
  server.removeAllListeners('connection');
  let waiting = 0;

  async function find(identity: UaIdentity, uaId: Buffer): Promise<Found | undefined> {
    if (waiting >= MAX_WAITING) throw new GbaError('overloaded', 'too many handshakes wait for keys');
    waiting++;
    try {
      const key = await source.find(identity, uaId);
      return key && { key, tunnel: { ...identity, uaId } };
    } finally {
      waiting--;
    }
  }

  async function serve(socket: Socket): Promise<void> {
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    socket.on('error', () => socket.destroy());
    try {
      const route = routeOf(await peekClientHello(socket), terms);
      if (route.kind === 'psk-tls12') return await serveTls12(socket);
      if (route.kind === 'psk-tls13') {
        const keys = new Map<string, Found>();
        for (const { text, identity } of route.identities) {
          const found = await find(identity, UA_PSK_TLS13);
          if (found === undefined) source.refused('btid-unknown');
          else keys.set(text, found);
        }
        if (socket.destroyed) return eraseAll(keys);
        if (keys.size > 0) return await handshake(socket, tls13, keys, (tls) => tls.isSessionReused());
      }
      for (const listener of byCertificate) listener.call(server, socket);
    } catch (error) {
      refuse(socket, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async function serveTls12(socket: Socket): Promise<void> {
    const keys = new Map<string, Found>();
    const stream = new HeldStream(socket, {
      async fetchKey(keyExchange, code) {
        const suite = suites.find((one) => one.code === code);
        if (suite === undefined) throw malformed('no PSK suite was chosen');
        await learn(keyExchange, suite, keys);
      },
      failed: (error) => refuse(socket, error),
    });
    await handshake(stream, tls12, keys, () => true);
  }

  async function learn(keyExchange: Buffer, suite: PskSuite, keys: Map<string, Found>): Promise<void> {
    const octets = identityOfKeyExchange(keyExchange, suite);
    const identity = parseIdentity(octets);
    const taken = identity !== undefined && source.choices.includes(identity.choice);
    const found = taken ? await find(identity, uaIdOfCipherSuite(suite.name)) : undefined;
    // Without a key the library itself answers unknown_psk_identity (RFC 4279 2): the UE has to bootstrap anew.
    if (found === undefined) source.refused('btid-unknown');
    else keys.set(octets.toString('latin1'), found);
  }

  /** Lets the TLS library do its work with the keys found; `byPsk` tells afterwards whether it used one. */
  async function handshake(
    stream: Duplex,
    secureContext: SecureContext,
    keys: Map<string, Found>,
    byPsk: (tls: TLSSocket) => boolean,
  ): Promise<void> {
    let used: Found | undefined;
    const options = {
      isServer: true,
      secureContext,
      pskIdentityHint: makeHint(source.choices),
      pskCallback(_socket: TLSSocket, text: string): Buffer | null {
        used = keys.get(text);
        return used?.key.bytes() ?? null;
      },
    };
    const tls = new TLSSocket(stream, options);
    try {
      await new Promise<void>((resolve, reject) => {
        tls.once('secure', resolve);
        // Stays: between the end of the handshake and the first request nobody else listens.
        tls.on('error', reject);
        tls.once('close', () => reject(new GbaError('peer-unreachable', 'the connection has ended')));
      });
      if (used !== undefined && byPsk(tls)) setPskTunnel(tls, used.tunnel);
      server.emit('secureConnection', tls);
    } catch (error) {
      tls.destroy();
      source.refused(codeOf(error) === 'internal' ? 'tls-handshake-failed' : codeOf(error));
    } finally {
      eraseAll(keys);
    }
  }

  function refuse(socket: Socket, error: unknown): void {
    const code = codeOf(error);
    source.refused(code);
    if (socket.writable) socket.end(alert(ALERTS[code] ?? INTERNAL_ERROR));
    socket.destroySoon();
  }

  server.on('connection', (socket: Socket) => void serve(socket));
}

function eraseAll(keys: Map<string, Found>): void {
  for (const { key } of keys.values()) key.erase();
  keys.clear();
}

/** A fatal alert in clear (RFC 5246 7.2). */
function alert(description: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, description]);
}

/**
 * The server's order of suites; one handshake a connection; and no tickets that could be resumed: nothing keeps what they would
 * stand for.
 */
function contextOf(options: Parameters<typeof createSecureContext>[0]): SecureContext {
  const { SSL_OP_NO_TICKET, SSL_OP_NO_RENEGOTIATION, SSL_OP_CIPHER_SERVER_PREFERENCE } = constants;
  const secureOptions = SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE;
  return createSecureContext({ ...options, secureOptions });
}
