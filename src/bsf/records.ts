import { type Clock, GbaError, type Sealer, type SecretKey } from '../base/index.ts';
import type { Uss } from '../http/index.ts';
import type { Op, Store } from '../store/index.ts';
import { GUSS_COPIES } from './guss-copies.ts';

/** A challenge that waits for its answer. Key: RAND in hexadecimal. */
export interface ChallengeRecord {
  v: 1;
  /** Digest username of message 1 (IMPI or TMPI); the answer must carry the same. */
  username: string;
  impi: string;
  /** The nonce as sent. */
  nonce: string;
  uiccType: 'GBA' | 'GBA_U';
  lifetimeSeconds: number;
  /** The UE showed `3gpp-gba-tmpi`. */
  tmpi: boolean;
  /** This run has used its one resynchronisation. */
  resynced: boolean;
  /** `SubscriptionRecord.generation` when the run began: a drop in between ends it. */
  generation: number;
  uss?: readonly Uss[];
  /** XRES || CK || IK. */
  sealed: string;
}

/** A bootstrapping context (TS 29.109 3.1). Key: B-TID; the store's expiry is the key's. */
export interface ContextRecord {
  v: 1;
  impi: string;
  uiccType: 'GBA' | 'GBA_U';
  createdAt: number;
  keyExpiry: number;
  uss?: readonly Uss[];
  /** Ks. */
  sealed: string;
}

/** What belongs to one IMPI. Key: IMPI. */
export interface SubscriptionRecord {
  v: 1;
  generation: number;
  /** B-TIDs, oldest first. */
  btids: readonly string[];
  /** TMPIs that are taken, oldest first: the former one serves until the new one does (a 200 may get lost). */
  tmpis: readonly string[];
}

export interface TmpiRecord {
  v: 1;
  impi: string;
}

export const CHALLENGES = 'bsf-challenge';
export const CONTEXTS = 'bsf-context';
export const SUBSCRIPTIONS = 'bsf-subscription';
export const TMPIS = 'bsf-tmpi';

const KEYS = 32;
const PAGE = 256;
/** A drop is remembered for longer than any challenge lives. */
const DROP_MEMORY_MS = 3_600_000;

/** XRES, CK and IK of a challenge; `ckIk` is Ks already (CK || IK, TS 33.220 4.5.2). */
export interface ChallengeKeys {
  xres: Buffer;
  ckIk: Buffer;
  erase(): void;
}

/** Seals XRES || CK || IK under the RAND they belong to. */
export function sealChallengeKeys(sealer: Sealer, rand: string, xres: Buffer, ck: Buffer, ik: Buffer): string {
  const plain = Buffer.concat([xres, ck, ik]);
  const sealed = sealer.seal(plain, `${CHALLENGES}/${rand}`);
  plain.fill(0);
  return sealed;
}

export function openChallengeKeys(sealer: Sealer, rand: string, sealed: string): ChallengeKeys {
  const plain = sealer.open(sealed, `${CHALLENGES}/${rand}`);
  const octets = plain.bytes();
  if (octets.length <= KEYS) throw new GbaError('seal-broken', 'a sealed challenge is too short');
  const split = octets.length - KEYS;
  return { xres: octets.subarray(0, split), ckIk: octets.subarray(split), erase: () => plain.erase() };
}

export function sealKs(sealer: Sealer, btid: string, ks: SecretKey): string {
  return sealer.seal(ks.bytes(), `${CONTEXTS}/${btid}`);
}

export function openKs(sealer: Sealer, btid: string, sealed: string): SecretKey {
  return sealer.open(sealed, `${CONTEXTS}/${btid}`);
}

/** Live contexts of one IMPI, oldest first. */
export async function contextsOf(store: Store, impi: string): Promise<{ btid: string; keyExpiry: number }[]> {
  const subscription = await store.get<SubscriptionRecord>(SUBSCRIPTIONS, impi);
  const found: { btid: string; keyExpiry: number }[] = [];
  for (const btid of subscription?.value.btids ?? []) {
    const context = await store.get<ContextRecord>(CONTEXTS, btid);
    if (context !== undefined) found.push({ btid, keyExpiry: context.value.keyExpiry });
  }
  return found;
}

/**
 * Drops everything of one IMPI in one commit: contexts, TMPIs, the copy of its GUSS and pending challenges. The raised generation stops runs
 * that are between their two messages right now.
 */
export async function dropSubscription(store: Store, clock: Clock, impi: string): Promise<number> {
  for (;;) {
    const entry = await store.get<SubscriptionRecord>(SUBSCRIPTIONS, impi);
    const btids = entry?.value.btids ?? [];
    const ops: Op[] = [
      ...btids.map((key): Op => ({ space: CONTEXTS, key, delete: true })),
      { space: GUSS_COPIES, key: impi, delete: true },
      ...(entry?.value.tmpis ?? []).map((key): Op => ({ space: TMPIS, key, delete: true })),
      ...(await challengesOf(store, impi)).map((key): Op => ({ space: CHALLENGES, key, delete: true })),
      {
        space: SUBSCRIPTIONS,
        key: impi,
        expect: entry?.version ?? 0,
        put: {
          v: 1,
          generation: (entry?.value.generation ?? 0) + 1,
          btids: [],
          tmpis: [],
        } satisfies SubscriptionRecord,
        expiresAt: clock.now() + DROP_MEMORY_MS,
      },
    ];
    if (await store.commit(ops)) return btids.length;
  }
}

async function challengesOf(store: Store, impi: string): Promise<string[]> {
  const keys: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await store.list<ChallengeRecord>(CHALLENGES, { limit: PAGE, ...(after !== undefined && { after }) });
    for (const entry of page) if (entry.value.impi === impi) keys.push(entry.key);
    after = page.at(-1)?.key;
    if (page.length < PAGE || after === undefined) return keys;
  }
}
