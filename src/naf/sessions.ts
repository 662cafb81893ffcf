import { type Clock, GbaError } from '../base/index.ts';
import { computeHa1 } from '../digest/index.ts';
import { type KeyChoice, keyChoiceOf } from '../gba/index.ts';
import type { Uss } from '../http/index.ts';
import type { ZnAnswer, ZnClient } from './zn-types.ts';

/** Who asks, as the handlers behind the middleware see it (`req.gba`). `keyExpiry` in ms since 1970. */
export interface GbaIdentity {
  btid: string;
  impi?: string;
  uss?: Uss[];
  keyExpiry: number;
}

/** A bootstrapping session at this NAF, for one Ua identifier. */
export interface Session {
  identity: GbaIdentity;
  /** H(A1) over B-TID, realm and base64(Ks_NAF); as secret as the key, so it never leaves this process's memory. */
  ha1: string;
}

export interface Sessions {
  /** A live session that is here already. */
  peek(btid: string, uaId: Buffer): Session | undefined;
  /** The session, from the BSF when need be. Throws what Zn throws, and `key-expired`. */
  find(btid: string, uaId: Buffer): Promise<Session>;
  forget(btid: string): void;
}

export interface SessionOptions {
  fqdn: string;
  realm: string;
  algorithm: string;
  gsIds: readonly number[] | undefined;
  limit: number;
}

/** Keys are kept until their lifetime ends, at most `limit` B-TIDs; concurrent look-ups of one key are one Zn request. */
export function createSessions(options: SessionOptions, zn: ZnClient, clock: Clock): Sessions {
  const sessions = new Map<string, Map<string, Session>>();
  const pending = new Map<string, Map<string, Promise<Session>>>();

  function peek(btid: string, uaId: Buffer): Session | undefined {
    const session = sessions.get(btid)?.get(uaId.toString('latin1'));
    if (session === undefined) return undefined;
    if (session.identity.keyExpiry > clock.now()) return session;
    sessions.delete(btid);
    return undefined;
  }

  async function fetch(btid: string, uaId: Buffer): Promise<Session> {
    const answer = await zn.fetch({
      btid,
      nafFqdn: options.fqdn,
      uaId,
      ...(options.gsIds !== undefined && { gsIds: [...options.gsIds] }),
    });
    if (answer.keyExpiry <= clock.now()) throw new GbaError('key-expired', 'the key of this B-TID has ended');
    return sessionOf(btid, answer);
  }

  function sessionOf(btid: string, { ksNaf, ksIntNaf, keyExpiry, impi, uss }: ZnAnswer): Session {
    if (excludes(uss, 'UICC_BASED_KEY')) throw new GbaError('naf-not-allowed', 'the settings demand a key in the card');
    const password = Buffer.from(ksNaf.bytes().toString('base64'), 'latin1');
    const ha1 = computeHa1({ algorithm: options.algorithm, username: btid, realm: options.realm, password });
    password.fill(0);
    ksNaf.erase();
    ksIntNaf?.erase();
    return {
      ha1,
      identity: { btid, keyExpiry, ...(impi !== undefined && { impi }), ...(uss !== undefined && { uss }) },
    };
  }

  function keep(btid: string, ua: string, session: Session): void {
    const oldest = sessions.keys().next().value;
    if (oldest !== undefined && sessions.size >= options.limit && !sessions.has(btid)) sessions.delete(oldest);
    const perUa = sessions.get(btid) ?? new Map<string, Session>();
    perUa.set(ua, session);
    sessions.set(btid, perUa);
  }

  return {
    peek,
    find(btid, uaId) {
      const known = peek(btid, uaId);
      if (known !== undefined) return Promise.resolve(known);
      const ua = uaId.toString('latin1');
      const perUa = pending.get(btid) ?? new Map<string, Promise<Session>>();
      pending.set(btid, perUa);
      const waiting = perUa.get(ua);
      if (waiting !== undefined) return waiting;
      const started = fetch(btid, uaId).then((session) => {
        // A `forget` in between has taken this map away: then the answer serves once and is not kept.
        if (pending.get(btid) === perUa) keep(btid, ua, session);
        return session;
      });
      const done = () => {
        perUa.delete(ua);
        if (perUa.size === 0 && pending.get(btid) === perUa) pending.delete(btid);
      };
      perUa.set(ua, started);
      started.then(done, done);
      return started;
    },
    forget(btid) {
      sessions.delete(btid);
      pending.delete(btid);
    },
  };
}

/** The key of the ME is the one that this NAF takes; settings may demand the other one (TS 33.220 5.3.3). */
function excludes(uss: readonly Uss[] | undefined, other: KeyChoice): boolean {
  return uss?.some(({ keyChoice }) => keyChoiceOf(keyChoice ?? '') === other) === true;
}
