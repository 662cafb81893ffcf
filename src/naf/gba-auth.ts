import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import {
  type Clock,
  codeOf,
  equalBytes,
  GbaError,
  type Log,
  messageOf,
  type Random,
  SecretKey,
  silentLog,
  systemClock,
  systemRandom,
} from '../base/index.ts';
import { buildAuthenticationInfo, buildChallenge, computeFromHa1, hashBody, type Qop } from '../digest/index.ts';
import { isHostName, UA_HTTP_DIGEST, uaIdOfCipherSuite } from '../gba/index.ts';
import { DEFAULT_BODY_LIMIT, type Listener, readBody, sendProblem, setBufferedBody } from '../http/index.ts';
import type { Store } from '../store/index.ts';
import { holdResponse } from './hold-response.ts';
import { createMemoryCounts, createNonceMaker, createStoreCounts } from './nonces.ts';
import { mayIntend, readUaRequest, type UaCredentials, type UaTerms } from './procedures/read-request.ts';
import { createSessions, type GbaIdentity, type Session } from './sessions.ts';
import type { ZnClient } from './zn-client.ts';

declare module 'http' {
  interface IncomingMessage {
    /** Set by `gbaAuth`: the subscriber whose key this request proved. */
    gba?: GbaIdentity;
    /** The body, when `gbaAuth` had to read it (qop auth-int). */
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
}

export interface GbaAuth {
  /** Express middleware, and plain: calls `next` only for a proven request, answers all others itself. */
  (req: IncomingMessage, res: ServerResponse, next: () => void): void;
  /** A listener that only proven requests reach. */
  protect(listener: Listener): Listener;
  /** Drops the cached keys of a B-TID. */
  forget(btid: string): void;
}

const NONCE_LIFETIME_MS = 300_000;
const NONCE_LIMIT = 65_536;
const SESSION_LIMIT = 65_536;
/** Headers by which an authentication proxy tells servers behind it who asks: never taken from a client (ua.md 3.6). */
const ASSERTIONS = ['x-3gpp-asserted-identity', 'x-3gpp-authorization-flags'];

/** A refusal that is a challenge: the reason is for the log only, outside all look alike but for `stale`. */
interface Refused {
  kind: 'refused';
  reason: string;
  stale: boolean;
}
type Verdict = Refused | { kind: 'proven'; nextNonce: string | undefined };
interface Checked {
  session: Session | undefined;
  verdict: Verdict;
}

/** Ua HTTP Digest (TS 24.109 5.2, TS 33.222 5.3): requests pass when they prove Ks_NAF of a live bootstrapping. */
export function gbaAuth(options: GbaAuthOptions): GbaAuth {
  const { fqdn, zn } = options;
  if (!isHostName(fqdn) || fqdn !== fqdn.toLowerCase()) {
    throw new GbaError('naf-id-invalid', 'gbaAuth: fqdn is a lower-case host name without port');
  }
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const log = options.log ?? silentLog;
  const algorithm = options.algorithm ?? 'MD5';
  const noBodyHash = hashBody(algorithm, Buffer.alloc(0));
  const realm = `3GPP-bootstrapping@${fqdn}`;
  const terms: Readonly<Record<Qop, UaTerms>> = {
    auth: { fqdn, realm, algorithm, qop: 'auth' },
    'auth-int': { fqdn, realm, algorithm, qop: 'auth-int' },
  };
  const lifetimeMs = options.nonceLifetimeMs ?? NONCE_LIFETIME_MS;
  const nonces = createNonceMaker(options.nonceKey ?? SecretKey.adopt(random.bytes(32)), fqdn, random);
  const counts =
    options.store === undefined
      ? createMemoryCounts(NONCE_LIMIT, clock.now())
      : createStoreCounts(options.store, lifetimeMs);
  const sessions = createSessions({ fqdn, realm, algorithm, gsIds: options.gsIds, limit: SESSION_LIMIT }, zn, clock);
  /** Stands in for an unknown B-TID, so that it costs the same work as a wrong digest. */
  const nobody = random.bytes(32).toString('hex').slice(0, noBodyHash.length);

  function challenge(req: IncomingMessage, res: ServerResponse, qop: Qop, refused: Refused): void {
    log.info('ua-refused', { code: refused.reason, method: req.method ?? '' });
    const header = buildChallenge({
      realm,
      nonce: nonces.make(clock.now()),
      algorithm,
      qop: [qop],
      ...(refused.stale && { stale: true }),
    });
    sendProblem(res, new GbaError('unauthenticated', 'bootstrapping is required'), { 'www-authenticate': header });
  }

  function digestFits(
    ha1: string,
    req: IncomingMessage,
    credentials: UaCredentials,
    qop: Qop,
    bodyHash: string,
  ): boolean {
    const { uri, nonce, nc, cnonce } = credentials;
    const expected = computeFromHa1({
      algorithm,
      ha1,
      method: req.method ?? '',
      uri,
      nonce,
      qop,
      nc,
      cnonce,
      bodyHash,
    });
    return equalBytes(Buffer.from(expected, 'latin1'), Buffer.from(credentials.response, 'latin1'));
  }

  /** Digest first: only who holds the key learns that merely the nonce was at fault (RFC 7616 3.3). */
  function judge(
    session: Session,
    req: IncomingMessage,
    credentials: UaCredentials,
    qop: Qop,
    bodyHash: string,
  ): Verdict | Promise<Verdict> {
    if (!digestFits(session.ha1, req, credentials, qop, bodyHash)) return refusal('digest-wrong');
    const { nonce } = credentials;
    const issuedAt = counts.known(nonce) ?? nonces.issuedAt(nonce);
    const age = issuedAt === undefined ? Number.POSITIVE_INFINITY : clock.now() - issuedAt;
    if (issuedAt === undefined || age >= lifetimeMs || age < -lifetimeMs) return refusal('nonce-stale', true);
    const advanced = counts.advance(nonce, issuedAt, Number.parseInt(credentials.nc, 16));
    return typeof advanced === 'boolean' ? conclude(advanced, age) : advanced.then((fresh) => conclude(fresh, age));
  }

  function conclude(fresh: boolean, age: number): Verdict {
    if (!fresh) return refusal('nc-replayed', true);
    return { kind: 'proven', nextNonce: age > lifetimeMs / 2 ? nonces.make(clock.now()) : undefined };
  }

  function admit(
    req: IncomingMessage,
    res: ServerResponse,
    session: Session,
    credentials: UaCredentials,
    qop: Qop,
    nextNonce: string | undefined,
  ): void {
    const intended = req.headers['x-3gpp-intended-identity'];
    const { uss } = session.identity;
    if (typeof intended === 'string' && uss !== undefined) {
      const ueIds = uss.flatMap((one) => one.ueIds.map(({ ueId }) => ueId));
      if (!mayIntend(intended, ueIds)) {
        throw new GbaError('forbidden', "the intended identity is not the subscriber's");
      }
    }
    req.gba = session.identity;
    res.setHeader('Cache-Control', 'no-store');
    if (qop === 'auth') {
      sign(res, session, credentials, qop, nextNonce, noBodyHash);
      return;
    }
    holdResponse(res, req.method === 'HEAD', (body) => {
      const bodyHash = body.length === 0 ? noBodyHash : hashBody(algorithm, body);
      sign(res, session, credentials, qop, nextNonce, bodyHash);
    });
  }

  /** Authentication-Info with rspauth (RFC 7616 3.5). */
  function sign(
    res: ServerResponse,
    { ha1 }: Session,
    { uri, nonce, nc, cnonce }: UaCredentials,
    qop: Qop,
    nextNonce: string | undefined,
    bodyHash: string,
  ): void {
    const rspauth = computeFromHa1({ algorithm, ha1, method: '', uri, nonce, qop, nc, cnonce, bodyHash });
    const next = nextNonce === undefined ? {} : { nextnonce: nextNonce };
    res.setHeader('Authentication-Info', buildAuthenticationInfo({ qop, rspauth, cnonce, nc, ...next }));
  }

  async function checkSlowly(
    req: IncomingMessage,
    credentials: UaCredentials,
    uaId: Buffer,
    qop: Qop,
  ): Promise<Checked> {
    let bodyHash = noBodyHash;
    if (qop === 'auth-int' && hasBody(req)) {
      const body = await readBody(req, options.bodyLimit ?? DEFAULT_BODY_LIMIT);
      setBufferedBody(req, body);
      req.gbaBody = body;
      bodyHash = hashBody(algorithm, body);
    }
    let session: Session;
    try {
      session = await sessions.find(credentials.username, uaId);
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'btid-unknown' && code !== 'key-expired') throw error;
      digestFits(nobody, req, credentials, qop, bodyHash);
      return { session: undefined, verdict: refusal(code) };
    }
    return { session, verdict: await judge(session, req, credentials, qop, bodyHash) };
  }

  function fail(req: IncomingMessage, res: ServerResponse, error: unknown): void {
    const code = codeOf(error);
    if (error instanceof GbaError) log.info('ua-refused', { code, method: req.method ?? '' });
    else log.error('ua-failed', { code, message: messageOf(error) });
    sendProblem(res, error);
  }

  /** True when the request may go on; every other way ends with an answer. */
  function settle(
    req: IncomingMessage,
    res: ServerResponse,
    credentials: UaCredentials,
    qop: Qop,
    { session, verdict }: Checked,
  ): boolean {
    if (session === undefined || verdict.kind === 'refused') {
      challenge(req, res, qop, verdict.kind === 'refused' ? verdict : refusal('btid-unknown'));
      return false;
    }
    admit(req, res, session, credentials, qop, verdict.nextNonce);
    return true;
  }

  /** True when `next` is due at once; otherwise an answer has been or will be sent, or `next` will be called later. */
  function enter(req: IncomingMessage, res: ServerResponse, next: () => void): boolean {
    const secure = 'encrypted' in req.socket;
    const qop = options.qop ?? (secure ? 'auth' : 'auth-int');
    stripAssertions(req);
    const request = readUaRequest(authorizationsOf(req), req.originalUrl ?? req.url ?? '', terms[qop]);
    if (request.kind === 'challenge') {
      challenge(req, res, qop, refusal(request.reason));
      return false;
    }
    const { credentials } = request;
    const uaId = secure ? uaIdOf(req.socket as TLSSocket) : UA_HTTP_DIGEST;
    const session = sessions.peek(credentials.username, uaId);
    let checked: Checked | Promise<Checked>;
    if (session === undefined || (qop === 'auth-int' && hasBody(req))) {
      checked = checkSlowly(req, credentials, uaId, qop);
    } else {
      // The usual case takes no turn of the event loop: key here, no body, counts in memory.
      const verdict = judge(session, req, credentials, qop, noBodyHash);
      if (!(verdict instanceof Promise)) return settle(req, res, credentials, qop, { session, verdict });
      checked = verdict.then((known) => ({ session, verdict: known }));
    }
    checked
      .then((result) => settle(req, res, credentials, qop, result))
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
  });
}

function refusal(reason: string, stale = false): Refused {
  return { kind: 'refused', reason, stale };
}

function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length'];
  return (length !== undefined && length !== '0') || req.headers['transfer-encoding'] !== undefined;
}

/** Every Authorization field; Node's own header object shows the first one only. */
function authorizationsOf(req: IncomingMessage): string[] {
  const first = req.headers.authorization;
  if (first === undefined) return [];
  const found: string[] = [];
  const raw = req.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.length === 13 && raw[i]?.toLowerCase() === 'authorization') found.push(raw[i + 1] ?? '');
  }
  return found;
}

function stripAssertions(req: IncomingMessage): void {
  for (const name of ASSERTIONS) {
    if (req.headers[name] === undefined) continue;
    delete req.headers[name];
    for (let i = req.rawHeaders.length - 2; i >= 0; i -= 2) {
      if (req.rawHeaders[i]?.toLowerCase() === name) req.rawHeaders.splice(i, 2);
    }
  }
}

const uaIds = new WeakMap<object, Buffer>();

/** 01 00 01 yy zz of this very connection's suite (TS 33.220 H.3). */
function uaIdOf(socket: TLSSocket): Buffer {
  const known = uaIds.get(socket);
  if (known !== undefined) return known;
  const uaId = uaIdOfCipherSuite(socket.getCipher().standardName);
  uaIds.set(socket, uaId);
  return uaId;
}
