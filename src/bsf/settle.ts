import { GbaError, type Sealer } from '../base/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import type { Bootstrapped } from './procedures/bootstrap.ts';
import {
  CHALLENGES,
  type ChallengeRecord,
  CONTEXTS,
  type ContextRecord,
  SUBSCRIPTIONS,
  type SubscriptionRecord,
  sealKs,
  TMPIS,
  type TmpiRecord,
} from './records.ts';

/** Contexts that one IMPI may hold; the oldest makes room (a release may be pinned to one that is not the newest). */
const CONTEXTS_PER_IMPI = 4;
const TMPIS_PER_IMPI = 2;
const COMMIT_TRIES = 8;

/** Stores the context and consumes the challenge in one commit; undefined when another answer was faster, or a drop. */
export async function settle(
  { store, sealer }: { store: Store; sealer: Sealer },
  entry: Entry<ChallengeRecord>,
  context: Bootstrapped,
): Promise<Bootstrapped | undefined> {
  const { impi, uiccType, generation, uss } = entry.value;
  const { btid, createdAt, keyExpiry, tmpi } = context;
  const record: ContextRecord = {
    v: 1,
    impi,
    uiccType,
    createdAt,
    keyExpiry,
    ...(uss !== undefined && { uss }),
    sealed: sealKs(sealer, btid, context.ks),
  };
  for (let attempt = 0; attempt < COMMIT_TRIES; attempt++) {
    const known = await store.get<SubscriptionRecord>(SUBSCRIPTIONS, impi);
    if ((known?.value.generation ?? 0) !== generation) return undefined;
    const btids = [...(known?.value.btids ?? []), btid];
    const tmpis = [...(known?.value.tmpis ?? []), ...(tmpi === undefined ? [] : [tmpi])];
    const oldBtids = btids.splice(0, Math.max(0, btids.length - CONTEXTS_PER_IMPI));
    const oldTmpis = tmpis.splice(0, Math.max(0, tmpis.length - TMPIS_PER_IMPI));
    const next: SubscriptionRecord = { v: 1, generation, btids, tmpis };
    const expiresAt = Math.max(keyExpiry, known?.expiresAt ?? 0);
    const ops: Op[] = [
      { space: CHALLENGES, key: entry.key, expect: entry.version, delete: true },
      { space: CONTEXTS, key: btid, expect: 0, put: record, expiresAt: keyExpiry },
      { space: SUBSCRIPTIONS, key: impi, expect: known?.version ?? 0, put: next, expiresAt },
      ...oldBtids.map((key): Op => ({ space: CONTEXTS, key, delete: true })),
      ...oldTmpis.map((key): Op => ({ space: TMPIS, key, delete: true })),
    ];
    if (tmpi !== undefined) ops.push({ space: TMPIS, key: tmpi, put: { v: 1, impi } satisfies TmpiRecord, expiresAt });
    if (await store.commit(ops)) return context;
    if ((await store.get(CHALLENGES, entry.key))?.version !== entry.version) return undefined;
  }
  throw new GbaError('overloaded', 'too many runs of one subscriber at once', { retryable: true });
}
