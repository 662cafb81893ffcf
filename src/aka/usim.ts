import type { AkaSource } from './algorithm.ts';
import { checkSqn, type SqnState } from './sqn-card.ts';
import { checkAutn, makeAuts } from './vector.ts';

export type UsimResult =
  | { result: 'ok'; res: Buffer; ck: Buffer; ik: Buffer; next: SqnState }
  | { result: 'sync-failure'; auts: Buffer }
  | { result: 'mac-failure' };

/**
 * AUTHENTICATE of a USIM (TS 33.102 6.3.3): MAC first, then SQN; a wrong MAC never yields an AUTS. Pure: only `next` of
 * an acceptance changes the card, and it must be stored before RES leaves.
 */
export function usimAuthenticate(
  source: AkaSource,
  sqnState: SqnState,
  rand: Uint8Array,
  autn: Uint8Array,
): UsimResult {
  const checked = checkAutn(source, rand, autn);
  if (!checked.ok) return { result: 'mac-failure' };
  const sqn = checkSqn(sqnState, checked.sqn);
  if (!sqn.ok) return { result: 'sync-failure', auts: makeAuts(source, rand, sqn.sqnMs) };
  return { result: 'ok', res: checked.res, ck: checked.ck, ik: checked.ik, next: sqn.next };
}
