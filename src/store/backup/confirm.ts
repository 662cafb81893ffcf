import type { Store } from '../contract.ts';
import { RESTORED, RESTORED_KEY, type RestoredRecord, restoredMark, type StoreKind } from './kind.ts';

/** How many records were held back until now, and what was confirmed; undefined: there was nothing to confirm. */
export async function confirmRestored(
  store: Store,
  kind: StoreKind,
): Promise<{ mark: RestoredRecord; records: number } | undefined> {
  const mark = await restoredMark(store);
  if (mark === undefined) return undefined;
  const records = (await kind.confirm?.(store)) ?? 0;
  // Last: who is killed before it confirms again.
  await store.commit([{ space: RESTORED, key: RESTORED_KEY, delete: true }]);
  return { mark, records };
}
