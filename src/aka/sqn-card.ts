import { checkIndBits, DEFAULT_DELTA, DEFAULT_IND_BITS, joinSqn, splitSqn } from './sqn.ts';

/** What the card keeps (TS 33.102 C.2); JSON as it is. `seqs[ind]` is SEQ_MS(IND), a missing one is 0. */
export interface SqnState {
  indBits: number;
  /** Largest accepted SEQ - SEQ_MS. */
  delta: bigint | number;
  /** L: accepted only when SEQ_MS - SEQ < L; null: not used. */
  ageLimit: number | null;
  seqs: readonly number[];
}

export type SqnCheck = { ok: true; next: SqnState } | { ok: false; sqnMs: Buffer };

export function createSqnState(
  options: { indBits?: number; delta?: bigint | number; ageLimit?: number | null } = {},
): SqnState {
  const indBits = options.indBits ?? DEFAULT_IND_BITS;
  checkIndBits(indBits);
  const seqs = new Array<number>(2 ** indBits).fill(0);
  return { indBits, delta: options.delta ?? DEFAULT_DELTA, ageLimit: options.ageLimit ?? null, seqs };
}

/** SQN (6 octets) against the array, TS 33.102 C.2.1 and C.2.2. Pure: acceptance is the state returned. */
export function checkSqn(state: SqnState, sqn: Uint8Array): SqnCheck {
  const { seq, ind } = splitSqn(sqn, state.indBits);
  const seqMs = state.seqs.reduce((highest, one) => Math.max(highest, one ?? 0), 0);
  const tooFar = seq - seqMs > Number(state.delta);
  const tooOld = state.ageLimit !== null && seqMs - seq >= state.ageLimit;
  const stale = seq <= (state.seqs[ind] ?? 0);
  if (tooFar || tooOld || stale) return { ok: false, sqnMs: highestSqn(state) };
  const seqs = Array.from({ length: 2 ** state.indBits }, (_, i) => (i === ind ? seq : (state.seqs[i] ?? 0)));
  return { ok: true, next: { ...state, seqs } };
}

/** SQN_MS: the highest SQN accepted so far anywhere in the array (TS 33.102 C.2.2); 0 on a fresh card. */
export function highestSqn(state: SqnState): Buffer {
  let best = { seq: 0, ind: 0 };
  state.seqs.forEach((seq, ind) => {
    if (seq > 0 && seq >= best.seq) best = { seq, ind };
  });
  return joinSqn(best, state.indBits);
}
