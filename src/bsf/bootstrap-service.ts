import { type Clock, GbaError, type Log, type Random, type Sealer } from '../base/index.ts';
import { isTmpi } from '../gba/index.ts';
import type { Store } from '../store/index.ts';
import type { AvSource, SubscriberVector } from './av-source.ts';
import { createOutstanding } from './outstanding.ts';
import { createPace, type Pace, type Stopwatch } from './pace.ts';
import { type Bootstrapped, judgeAnswer, makeContext } from './procedures/bootstrap.ts';
import { makeChallenge, makeUnknownNonce, randOfNonce } from './procedures/challenge.ts';
import type { UbRequest } from './procedures/read-request.ts';
import {
  CHALLENGES,
  type ChallengeRecord,
  CONTEXTS,
  openChallengeKeys,
  SUBSCRIPTIONS,
  type SubscriptionRecord,
  TMPIS,
  type TmpiRecord,
} from './records.ts';
import { settle } from './settle.ts';

export interface BootstrapOptions {
  name: string;
  keyLifetimeSeconds: number;
  challengeSeconds: number;
  maxOutstanding: number;
  maxOutstandingFromOne: number;
  maxOutstandingPerAddress: number;
  maxOutstandingTotal: number;
  unknownAmf: Uint8Array;
  gbaURes: 'flipped' | 'plain';
}

export interface BootstrapDeps {
  store: Store;
  sealer: Sealer;
  avSource: AvSource;
  clock: Clock;
  random: Random;
  log: Log;
  /** Instead of real time, which is what a stranger can measure. */
  stopwatch?: Stopwatch | undefined;
}

/** 401 with this nonce, or 200 with the new context. */
export type UbOutcome = { kind: 'challenge'; nonce: string } | { kind: 'done'; context: Bootstrapped };

type Watch = ReturnType<Pace['start']>;

/** Refusals of the AV source that look, from outside, like a subscriber who fails (ub.md 9). */
const NO_VECTOR = new Set(['user-unknown', 'user-not-allowed']);

/** The doing half of Ub: vectors in, records in the store, decisions by `procedures/`. Throws `peer-unreachable`, `overloaded`, `tmpi-unknown`. */
export function createBootstrapService(options: BootstrapOptions, deps: BootstrapDeps) {
  const { store, sealer, avSource, clock, random, log } = deps;
  const challengeMs = options.challengeSeconds * 1000;
  const pace = { first: createPace(random, deps.stopwatch), answer: createPace(random, deps.stopwatch) };
  /** AMF of challenges to identities that nobody has: what the HSS used last, so that the two cannot be told apart. */
  let shownAmf = options.unknownAmf;
  const limits = {
    perIdentity: options.maxOutstanding,
    perIdentityAndAddress: options.maxOutstandingFromOne,
    perAddress: options.maxOutstandingPerAddress,
    total: options.maxOutstandingTotal,
  };
  const outstanding = createOutstanding(limits, challengeMs, random.bytes(4).readUInt32BE());

  async function impiOf(username: string): Promise<string> {
    if (!isTmpi(username)) return username;
    const entry = await store.get<TmpiRecord>(TMPIS, username);
    if (entry === undefined) throw new GbaError('tmpi-unknown', 'this TMPI is not known, use the IMPI');
    return entry.value.impi;
  }

  async function vectorFor(
    impi: string,
    resync?: { rand: Buffer; auts: Buffer },
  ): Promise<SubscriberVector | undefined> {
    try {
      return await avSource.fetch(resync === undefined ? { impi } : { impi, resync });
    } catch (error) {
      if (!(error instanceof GbaError)) throw error;
      // A forged AUTS is one more failed answer: it gets what every failed answer gets.
      if (error.code === 'auts-refused') return await vectorFor(impi);
      if (!NO_VECTOR.has(error.code)) throw error;
      log.info('ub-no-vector', { code: error.code });
      return undefined;
    }
  }

  /** A fresh challenge; an identity without a vector gets one that looks the same and that no answer fits. */
  async function challenge(
    request: UbRequest,
    watch: Watch,
    run: { from: string; resynced: boolean; resync?: { rand: Buffer; auts: Buffer } },
  ): Promise<UbOutcome> {
    const { username } = request;
    const impi = await impiOf(username);
    // By the IMPI, whatever name it comes under: what is spared are its sequence numbers.
    outstanding.begin(impi, run.from, clock.now());
    const before = await store.get<SubscriptionRecord>(SUBSCRIPTIONS, impi);
    const vector = await vectorFor(impi, run.resync);
    if (vector === undefined) {
      await watch.match();
      return { kind: 'challenge', nonce: makeUnknownNonce(random, shownAmf) };
    }
    const subscription =
      vector.impi === impi ? before : await store.get<SubscriptionRecord>(SUBSCRIPTIONS, vector.impi);
    const { rand, record } = makeChallenge(
      vector,
      {
        username,
        tmpi: request.tmpi,
        resynced: run.resynced,
        generation: subscription?.value.generation ?? 0,
        defaultLifetimeSeconds: options.keyLifetimeSeconds,
        gbaURes: options.gbaURes,
      },
      sealer,
    );
    shownAmf = Buffer.from(vector.autn.subarray(6, 8));
    const expiresAt = clock.now() + challengeMs;
    // A RAND that is pending or has become a context is never challenged again, whoever hands it out.
    const stored = await store.commit([
      { space: CHALLENGES, key: rand, expect: 0, put: record, expiresAt },
      { space: CONTEXTS, key: `${vector.rand.toString('base64')}@${options.name}`, expect: 0 },
    ]);
    if (!stored) {
      log.error('ub-rand-reused', { impi: vector.impi });
      throw new GbaError('rand-reused', 'the HSS handed out a RAND twice', { retryable: true });
    }
    watch.took();
    return { kind: 'challenge', nonce: record.nonce };
  }

  async function answer(request: UbRequest & { kind: 'answer' }, watch: Watch, from: string): Promise<UbOutcome> {
    const { credentials } = request;
    const refuse = (code: string, resynced = false) => {
      log.info('ub-refused', { code });
      return challenge(request, watch, { from, resynced });
    };
    const rand = randOfNonce(credentials.nonce);
    const entry = rand === undefined ? undefined : await store.get<ChallengeRecord>(CHALLENGES, rand);
    if (rand === undefined || entry === undefined) return await refuse('nonce-unknown');
    const pending = entry.value;
    if (pending.nonce !== credentials.nonce) return await refuse('nonce-unknown');
    if (pending.username !== credentials.username) return await refuse('username-changed');
    const keys = openChallengeKeys(sealer, rand, pending.sealed);
    try {
      const verdict = judgeAnswer(credentials, keys.xres);
      if (verdict === 'proven') {
        const made = makeContext(rand, pending, keys, credentials, options.name, clock.now());
        const context = await settle(deps, entry, made).finally(() => made.ks.erase());
        if (context === undefined) return await refuse('nonce-answered');
        outstanding.finish(isTmpi(pending.username) ? pending.impi : pending.username, from);
        log.info('ub-bootstrapped', { btid: context.btid, impi: pending.impi });
        return { kind: 'done', context };
      }
      // Right or wrong, a nonce is answered once.
      const consumed = await store.commit([{ space: CHALLENGES, key: rand, expect: entry.version, delete: true }]);
      if (!consumed) return await refuse('nonce-answered');
      if (verdict === 'wrong' || credentials.auts === undefined) return await refuse('digest-wrong');
      if (pending.resynced) return await refuse('resync-repeated', true);
      log.info('ub-resynchronise', { impi: pending.impi });
      return await challenge(request, watch, {
        from,
        resynced: true,
        resync: { rand: Buffer.from(rand, 'hex'), auts: credentials.auts },
      });
    } finally {
      keys.erase();
    }
  }

  /** `from`: the address that the request came from. */
  return (request: UbRequest, from: string): Promise<UbOutcome> => {
    const watch = pace[request.kind].start();
    return request.kind === 'first'
      ? challenge(request, watch, { from, resynced: false })
      : answer(request, watch, from);
  };
}
