import { type Clock, GbaError, SecretKey } from '../base/index.ts';
import { computeHa1 } from '../digest/index.ts';
import { type KeyChoice, keyChoiceOf } from '../gba/index.ts';
import type { Uss } from '../http/index.ts';
import { isPskUaId, type UaKeyChoice } from '../tls/index.ts';
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
  /** The key itself, where a PSK connection is made with it. */
  key?: SecretKey;
}

export interface Sessions {
  /** A live session that is here already. */
  peek(btid: string, uaId: Buffer, choice?: UaKeyChoice): Session | undefined;
  /** The session, from the BSF when need be. Throws what Zn throws, and `key-expired`. `choice`: default the key of the ME. */
  find(btid: string, uaId: Buffer, choice?: UaKeyChoice): Promise<Session>;
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

  function peek(btid: string, uaId: Buffer, choice: UaKeyChoice = 'me'): Session | undefined {
    const session = sessions.get(btid)?.get(nameOf(uaId, choice));
    if (session === undefined) return undefined;
    if (session.identity.keyExpiry > clock.now()) return session;
    drop(btid);
    return undefined;
  }

  function drop(btid: string): void {
    for (const { key } of sessions.get(btid)?.values() ?? []) key?.erase();
    sessions.delete(btid);
  }

  async function fetch(btid: string, uaId: Buffer, choice: UaKeyChoice): Promise<Session> {
    const answer = await zn.fetch({
      btid,
      nafFqdn: options.fqdn,
      uaId,
      ...(choice === 'uicc' && { gbaUAware: true }),
      ...(options.gsIds !== undefined && { gsIds: [...options.gsIds] }),
    });
    if (answer.keyExpiry <= clock.now()) throw new GbaError('key-expired', 'the key of this B-TID has ended');
    return sessionOf(btid, answer, choice, isPskUaId(uaId));
  }

  function sessionOf(btid: string, answer: ZnAnswer, choice: UaKeyChoice, keepKey: boolean): Session {
    const { ksNaf, ksIntNaf, keyExpiry, impi, uss } = answer;
    const excluded = choice === 'uicc' ? 'ME_BASED_KEY' : 'UICC_BASED_KEY';
    if (demands(uss, excluded)) throw new GbaError('naf-not-allowed', 'the settings demand the other key');
    const chosen = choice === 'uicc' ? ksIntNaf : ksNaf;
    if (chosen === undefined) throw new GbaError('btid-unknown', 'this bootstrapping has no key in the UICC');
    const password = Buffer.from(chosen.bytes().toString('base64'), 'latin1');
    const key = keepKey ? SecretKey.copyOf(chosen.bytes()) : undefined;
    const ha1 = computeHa1({ algorithm: options.algorithm, username: btid, realm: options.realm, password });
    password.fill(0);
    ksNaf.erase();
    ksIntNaf?.erase();
    return {
      ha1,
      ...(key !== undefined && { key }),
      identity: { btid, keyExpiry, ...(impi !== undefined && { impi }), ...(uss !== undefined && { uss }) },
    };
  }

  function keep(btid: string, ua: string, session: Session): void {
    const oldest = sessions.keys().next().value;
    if (oldest !== undefined && sessions.size >= options.limit && !sessions.has(btid)) drop(oldest);
    const perUa = sessions.get(btid) ?? new Map<string, Session>();
    perUa.set(ua, session);
    sessions.set(btid, perUa);
  }

  return {
    peek,
    find(btid, uaId, choice = 'me') {
      const known = peek(btid, uaId, choice);
      if (known !== undefined) return Promise.resolve(known);
      const ua = nameOf(uaId, choice);
      const perUa = pending.get(btid) ?? new Map<string, Promise<Session>>();
      pending.set(btid, perUa);
      const waiting = perUa.get(ua);
      if (waiting !== undefined) return waiting;
      const started = fetch(btid, uaId, choice).then((session) => {
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
      drop(btid);
      pending.delete(btid);
    },
  };
}

/** Settings may demand the key of the ME or that of the card (TS 33.220 5.3.3). */
function demands(uss: readonly Uss[] | undefined, one: KeyChoice): boolean {
  return uss?.some(({ keyChoice }) => keyChoiceOf(keyChoice ?? '') === one) === true;
}

function nameOf(uaId: Buffer, choice: UaKeyChoice): string {
  return `${uaId.toString('latin1')}${choice}`;
}
