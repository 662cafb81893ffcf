import { type Clock, codeOf, GbaError, type Random } from '../base/index.ts';
import { parseAuthenticationInfo, type Qop } from '../digest/index.ts';
import { UA_HTTP_DIGEST, uaIdOfCipherSuite } from '../gba/index.ts';
import type { Answer, HttpClient, SendOptions } from '../http/index.ts';
import type { NafKey } from './tre/index.ts';
import { type Proof, proveUa, readUaChallenge, type UaChallenge } from './ua-exchange.ts';

/** Where Ua keys come from: the live contexts, or the sessions that outlived them. */
export interface UaKeySource {
  key(fqdn: string, uaId: Uint8Array): Promise<NafKey | undefined>;
  /** Runs Ub; throws when the machine cannot bootstrap now. */
  renew(): Promise<void>;
}

export interface UaAnswer extends Answer {
  /** The B-TID that this exchange was authenticated with. */
  btid: string;
  /** By which quality of protection Authentication-Info proved this answer; 2xx always has one, a refusal may lack it. */
  proved?: Qop;
}

export interface UaClient {
  /**
   * One request over Ua; both ends are proved when it resolves with 2xx. Ub runs at most once for it. Throws
   * `ua-refused`, `ua-realm-mismatch`, `ua-challenge-invalid`, `ua-rspauth-invalid`, `ua-unproved`, `peer-unreachable`, and
   * what Ub throws.
   * Other answers of the application (4xx) are returned as they are: without `proved` they may not be trusted for more than
   * a delay.
   */
  send(method: string, path: string, options?: SendOptions): Promise<UaAnswer>;
  /** Ua security protocol identifiers of the keys that the next exchanges may need. */
  uaIds(): readonly Uint8Array[];
  /** The next exchange starts anew, with the newest key. */
  endSession(): void;
  close(): void;
}

interface Session {
  challenge: UaChallenge;
  key: NafKey;
  uaId: Buffer;
  nc: number;
}

/** Exchanges for one request: without credentials, answer, stale nonce, after Ub, other suite. */
const EXCHANGES = 6;
export const USER_AGENT = 'gba-authz 3gpp-gba';
/** Suites of TLS 1.3 that can carry Digest here: for a server that has not been talked to yet. */
const USUAL_SUITES = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'];
const USUAL_UA_IDS = USUAL_SUITES.map(uaIdOfCipherSuite);

export function createUaClient(options: {
  fqdn: string;
  client: HttpClient;
  keys: UaKeySource;
  clock: Clock;
  random: Random;
  /** Of a protocol on Digest that has an identifier of its own; default: by the connection (TS 33.220 H.3). */
  uaId?: Uint8Array;
}): UaClient {
  const { fqdn, client, keys, clock, random } = options;
  const uaIdFor = (answer: Answer): Buffer => (options.uaId === undefined ? uaIdOf(answer) : Buffer.from(options.uaId));
  let session: Session | undefined;
  let lastUaId: Buffer | undefined;

  function endSession(): void {
    session?.key.ksNaf.erase();
    session = undefined;
  }

  /** Takes up the NAF's challenge, with a new bootstrapping if there is no key; true when Ub was run. */
  async function openSession(answer: Answer, oldKeyRefused: boolean): Promise<boolean> {
    const challenge = readUaChallenge(headerOf(answer, 'www-authenticate'), fqdn);
    const uaId = uaIdFor(answer);
    endSession();
    const known = oldKeyRefused ? undefined : await keys.key(fqdn, uaId);
    if (known === undefined) await keys.renew();
    const key = known ?? (await keys.key(fqdn, uaId));
    if (key === undefined) throw new GbaError('ua-refused', `no key for ${fqdn}`);
    session = { challenge, key, uaId, nc: 0 };
    return known === undefined;
  }

  async function send(method: string, path: string, sending: SendOptions = {}): Promise<UaAnswer> {
    const body = sending.bytes ?? (sending.json === undefined ? Buffer.alloc(0) : bytesOf(sending.json));
    if (session !== undefined && session.key.expiresAt <= clock.now()) endSession();
    let renewed = false;
    for (let exchange = 0; exchange < EXCHANGES; exchange++) {
      const used = session;
      const proof = used && proveUa(used.challenge, used.key, ++used.nc, { method, path, body }, random);
      const answer = await client.send(method, path, {
        ...sending,
        headers: {
          'user-agent': USER_AGENT,
          ...sending.headers,
          ...(proof === undefined ? {} : { authorization: proof.authorization }),
        },
      });
      if (answer.status >= 500) throw unreachable(fqdn, answer);
      if (answer.status === 401) {
        const refusedKey = used !== undefined && !isStale(answer, fqdn) && uaIdFor(answer).equals(used.uaId);
        if (refusedKey && renewed) break;
        // Without a key Ub runs here too; a second run for one request would only feed a loop.
        renewed = (await openSession(answer, refusedKey)) || renewed;
        continue;
      }
      if (used === undefined || proof === undefined) throw unproved(answer, fqdn);
      const info = headerOf(answer, 'authentication-info');
      const proved = isProved(proof, info, answer);
      if (answer.status < 300 && !proved) {
        endSession();
        throw new GbaError('ua-rspauth-invalid', `${fqdn} did not prove that it knows the key`);
      }
      lastUaId = used.uaId;
      const { qop } = used.challenge;
      takeNextNonce(used, info, proved);
      return { ...answer, btid: used.key.btid, ...(proved && { proved: qop }) };
    }
    endSession();
    throw new GbaError('ua-refused', `${fqdn} does not take our key`);
  }

  return {
    send,
    uaIds: () => (lastUaId === undefined ? USUAL_UA_IDS : [lastUaId]),
    endSession,
    close() {
      endSession();
      client.close();
    },
  };
}

/** A refusal whose Authentication-Info cannot be read is one without. */
function isProved(proof: Proof, info: string | undefined, { status, body }: Answer): boolean {
  try {
    return proof.provedBy(info, body);
  } catch (error) {
    if (status < 300 || codeOf(error) === 'internal') throw error;
    return false;
  }
}

function takeNextNonce(session: Session, info: string | undefined, proved: boolean): void {
  const next = info === undefined || !proved ? undefined : parseAuthenticationInfo(info).nextnonce;
  if (next === undefined || next === session.challenge.nonce) return;
  session.challenge = { ...session.challenge, nonce: next };
  session.nc = 0;
}

function isStale(answer: Answer, fqdn: string): boolean {
  return readUaChallenge(headerOf(answer, 'www-authenticate'), fqdn).stale;
}

function uaIdOf(answer: Answer): Buffer {
  return answer.cipherSuite === undefined ? UA_HTTP_DIGEST : uaIdOfCipherSuite(answer.cipherSuite);
}

/** An answer without any Digest: from a server that does not want to know who we are. */
function unproved(answer: Answer, fqdn: string): GbaError {
  // Not under the code that it names: whoever is nobody yet does not choose what we make of a refusal.
  if (answer.status >= 400) {
    return new GbaError('ua-unproved', `${fqdn} answered ${answer.status} ${answer.cause()}`, { retryable: true });
  }
  return new GbaError('ua-rspauth-invalid', `${fqdn} answered without authentication`);
}

export function unreachable(fqdn: string, answer: Answer): GbaError {
  return new GbaError('peer-unreachable', `${fqdn} answered ${answer.status}`, { retryable: true });
}

function bytesOf(json: unknown): Buffer {
  return Buffer.from(JSON.stringify(json));
}

function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
