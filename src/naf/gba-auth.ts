import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  type Clock,
  checkRandom,
  codeOf,
  GbaError,
  type Log,
  messageOf,
  neverBack,
  type Random,
  SecretKey,
  silentLog,
  systemClock,
  systemRandom,
} from '../base/index.ts';
import { buildChallenge, type Qop } from '../digest/index.ts';
import { isHostName, UA_HTTP_DIGEST } from '../gba/index.ts';
import { authorizationsOf, hasBody, type Listener, peekBody, sendProblem } from '../http/index.ts';
import type { Store } from '../store/index.ts';
import { type PskSource, type PskTunnel, pskTunnelOf } from '../tls/index.ts';
import { holdResponse } from './hold-response.ts';
import { stripAssertions, uaIdOf } from './incoming.ts';
import { createMemoryCounts, createNonceMaker, createStoreCounts } from './nonces.ts';
import { mayIntend, readUaRequest, type UaTerms } from './procedures/read-request.ts';
import { pskSourceOf } from './psk-source.ts';
import { createSessions, type GbaIdentity, type Session } from './sessions.ts';
import { createVerifier, type Proof, type Refused, refusal, type Verdict } from './verifier.ts';
import type { ZnClient } from './zn-types.ts';

declare module 'http' {
  interface IncomingMessage {
    /** Set by `gbaAuth`: the subscriber whose key this request proved. */
    gba?: GbaIdentity;
    /** The body, when `gbaAuth` had to read it (qop auth-int); it can still be read from the request too. */
    gbaBody?: Buffer;
    originalUrl?: string;
  }
}

export interface GbaAuthOptions {
  /** This NAF's name: lower case, no port, no trailing dot. Never taken from the request. */
  fqdn: string;
  zn: ZnClient;
  clock?: Clock;
  random?: Random;
  log?: Log;
  /** One algorithm is offered; phones know MD5 only (ua.md 9). Default MD5. */
  algorithm?: 'MD5' | 'SHA-256';
  /** Default: `auth-int` on plain HTTP, `auth` inside TLS. */
  qop?: Qop;
  /**
   * Ua security protocol identifier, 5 octets, of a protocol on Digest that has its own (TS 33.220 H.3). Default: the one of
   * HTTP Digest, or inside TLS of the connection's cipher suite.
   */
  uaId?: Uint8Array;
  /** How long a nonce serves, ms; default 5 minutes. The next one is announced after half of it. */
  nonceLifetimeMs?: number;
  /** GAA service identifiers whose user security settings are wanted. */
  gsIds?: readonly number[];
  /** Nonce counts shared by several workers; they need the same `nonceKey` too. */
  store?: Store;
  /** 32 octets that make nonces; default: random for this process. */
  nonceKey?: SecretKey;
  /** Largest body read for auth-int, octets. */
  bodyLimit?: number;
  /** On PSK TLS: also Ks_int_NAF, the key in the UICC; and suites of TLS 1.2 without forward secrecy. */
  uicc?: boolean;
  plainPskSuites?: boolean;
}

export interface GbaAuth {
  /** Express middleware, and plain: calls `next` only for a proven request, answers all others itself. */
  (req: IncomingMessage, res: ServerResponse, next: () => void): void;
  /** A listener that only proven requests reach. */
  protect(listener: Listener): Listener;
  /** Drops the cached keys of a B-TID. */
  forget(btid: string): void;
  /** For `listen`: clients may make their TLS connection with the key instead of Digest (TS 33.222 5.4). */
  psk: PskSource;
}

const NONCE_LIFETIME_MS = 300_000;
const NONCE_LIMIT = 65_536;
const SESSION_LIMIT = 65_536;
/** A request with credentials on its way through. */
interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  uaId: Buffer;
  proof: Proof;
}
interface Checked {
  session: Session | undefined;
  verdict: Verdict;
}

/**
 * Ua HTTP Digest (TS 24.109 5.2, TS 33.222 5.3), and PSK TLS on a server that was given `psk` (TS 33.222 5.4): requests pass when
 * they, or the connection they come by, prove Ks_NAF of a live bootstrapping.
 */
export function gbaAuth(options: GbaAuthOptions): GbaAuth {
  const { fqdn, zn } = options;
  if (!isHostName(fqdn) || fqdn !== fqdn.toLowerCase()) {
    throw new GbaError('naf-id-invalid', 'gbaAuth: fqdn is a lower-case host name without port');
  }
  const fixedUaId = options.uaId && Buffer.from(options.uaId);
  if (fixedUaId !== undefined && fixedUaId.length !== 5) {
    throw new GbaError('naf-id-invalid', 'gbaAuth: a Ua security protocol identifier has 5 octets');
  }
  const clock = options.clock ?? systemClock;
  // Set forward and back, the clock would make nonces young again whose counts a shared store has forgotten.
  const nonceClock = neverBack(clock);
  const random = options.random ?? systemRandom;
  checkRandom(random);
  const log = options.log ?? silentLog;
  const algorithm = options.algorithm ?? 'MD5';
  const realm = `3GPP-bootstrapping@${fqdn}`;
  const terms: Readonly<Record<Qop, UaTerms>> = {
    auth: { fqdn, realm, algorithm, qop: 'auth' },
    'auth-int': { fqdn, realm, algorithm, qop: 'auth-int' },
  };
  const nonceLifetimeMs = options.nonceLifetimeMs ?? NONCE_LIFETIME_MS;
  const nonces = createNonceMaker(options.nonceKey ?? SecretKey.adopt(random.bytes(32)), fqdn, random);
  const counts =
    options.store === undefined
      ? createMemoryCounts(NONCE_LIMIT, nonces.series)
      : createStoreCounts(options.store, nonceLifetimeMs);
  const verifier = createVerifier({ algorithm, nonceLifetimeMs }, { nonces, counts, clock: nonceClock, random });
  const sessions = createSessions({ fqdn, realm, algorithm, gsIds: options.gsIds, limit: SESSION_LIMIT }, zn, clock);

  function challenge(req: IncomingMessage, res: ServerResponse, qop: Qop, refused: Refused): void {
    log.info('ua-refused', { code: refused.reason, method: req.method ?? '' });
    const header = buildChallenge({
      realm,
      nonce: nonces.make(nonceClock.now()),
      algorithm,
      qop: [qop],
      ...(refused.stale && { stale: true }),
    });
    sendProblem(res, new GbaError('unauthenticated', 'bootstrapping is required'), { 'www-authenticate': header });
  }

  function fail(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    const code = codeOf(error);
    if (error instanceof GbaError) log.info('ua-refused', { code, method: req.method ?? '' });
    else log.error('ua-failed', { code, message: messageOf(error) });
    sendProblem(res, error);
  }

  /** With the body to hash, or a key to fetch. */
  async function checkSlowly({ req, uaId, proof }: Exchange): Promise<Checked> {
    if (proof.qop === 'auth-int' && hasBody(req)) {
      req.gbaBody = await peekBody(req, options.bodyLimit);
      proof.bodyHash = verifier.bodyHashOf(req.gbaBody);
    }
    let session: Session;
    try {
      session = await sessions.find(proof.credentials.username, uaId);
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'btid-unknown' && code !== 'key-expired') throw error;
      verifier.judgeNobody(proof);
      return { session: undefined, verdict: refusal(code) };
    }
    return { session, verdict: await verifier.judge(session.ha1, proof) };
  }

  /** True when the request may go on; every other way ends with an answer. */
  function settle({ req, res, proof }: Exchange, { session, verdict }: Checked): boolean {
    if (session === undefined || verdict.kind === 'refused') {
      challenge(req, res, proof.qop, verdict.kind === 'refused' ? verdict : refusal('btid-unknown'));
      return false;
    }
    res.setHeader('Cache-Control', 'no-store');
    const sign = (bodyHash: string): void => {
      res.setHeader('Authentication-Info', verifier.sign(session.ha1, proof, verdict.nextNonce, bodyHash));
    };
    if (proof.qop === 'auth') sign(verifier.noBodyHash);
    else holdResponse(res, req.method === 'HEAD', (body) => sign(verifier.bodyHashOf(body)));
    // After that: a refusal of somebody who is known is signed too, so that the UE can believe it (TS 24.109 E.4).
    checkIntended(req, session);
    req.gba = session.identity;
    return true;
  }

  /**
   * A connection that stands on the key proves all that comes by it, while the key lives. Digest inside of it is not asked for; who
   * sends it all the same has to be the same subscriber.
   */
  function enterByTunnel(req: IncomingMessage, res: ServerResponse, tunnel: PskTunnel, next: () => void): boolean {
    const pass = (session: Session): void => {
      res.setHeader('Cache-Control', 'no-store');
      checkIntended(req, session);
      req.gba = session.identity;
    };
    const session = sessions.peek(tunnel.btid, tunnel.uaId, tunnel.choice);
    if (session !== undefined) {
      pass(session);
      return true;
    }
    sessions
      .find(tunnel.btid, tunnel.uaId, tunnel.choice)
      .then(pass)
      .then(next, (error: unknown) => {
        const code = codeOf(error);
        if (code !== 'btid-unknown' && code !== 'key-expired') return fail(req, res, error);
        res.setHeader('Connection', 'close');
        challenge(req, res, 'auth', refusal(code));
      });
    return false;
  }

  /** True when `next` is due at once; otherwise an answer has been or will be sent, or `next` will be called later. */
  function enter(req: IncomingMessage, res: ServerResponse, next: () => void): boolean {
    const secure = 'encrypted' in req.socket;
    const qop = options.qop ?? (secure ? 'auth' : 'auth-int');
    stripAssertions(req);
    const request = readUaRequest(authorizationsOf(req), req.originalUrl ?? req.url ?? '', terms[qop]);
    const tunnel = pskTunnelOf(req.socket);
    if (tunnel !== undefined && request.kind === 'challenge' && request.reason === 'bootstrapping-required') {
      return enterByTunnel(req, res, tunnel, next);
    }
    if (request.kind === 'challenge') {
      challenge(req, res, qop, refusal(request.reason));
      return false;
    }
    const { credentials } = request;
    if (tunnel !== undefined && tunnel.btid !== credentials.username) {
      challenge(req, res, qop, refusal('btid-wrong'));
      return false;
    }
    const proof: Proof = { method: req.method ?? '', credentials, qop, bodyHash: verifier.noBodyHash };
    const uaId = fixedUaId ?? tunnel?.uaId ?? (secure ? uaIdOf(req.socket as TLSSocket) : UA_HTTP_DIGEST);
    const exchange: Exchange = { req, res, uaId, proof };
    const session = sessions.peek(credentials.username, uaId);
    let checked: Checked | Promise<Checked>;
    if (session === undefined || (qop === 'auth-int' && hasBody(req))) {
      checked = checkSlowly(exchange);
    } else {
      // The usual case takes no turn of the event loop: key here, no body, counts in memory.
      const verdict = verifier.judge(session.ha1, proof);
      if (!(verdict instanceof Promise)) return settle(exchange, { session, verdict });
      checked = verdict.then((known) => ({ session, verdict: known }));
    }
    checked
      .then((result) => settle(exchange, result))
      .then(
        (passed) => {
          if (passed) next();
        },
        (error: unknown) => fail(req, res, error),
      );
    return false;
  }

  const middleware = (req: IncomingMessage, res: ServerResponse, next: () => void): void => {
    let passed = false;
    try {
      passed = enter(req, res, next);
    } catch (error) {
      fail(req, res, error);
    }
    if (passed) next();
  };

  return Object.assign(middleware, {
    protect:
      (listener: Listener): Listener =>
      (req, res) =>
        middleware(req, res, () => listener(req, res)),
    forget: (btid: string) => sessions.forget(btid),
    psk: pskSourceOf(options, sessions, log),
  });
}

/** The identity that a UE wants to act under is one of its own, where the user security settings say which those are. */
function checkIntended(req: IncomingMessage, { identity }: Session): void {
  const intended = req.headers['x-3gpp-intended-identity'];
  if (typeof intended !== 'string' || identity.uss === undefined) return;
  const ueIds = identity.uss.flatMap((one) => one.ueIds.map(({ ueId }) => ueId));
  if (!mayIntend(intended, ueIds)) throw new GbaError('forbidden', "the intended identity is not the subscriber's");
}
