import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SecretKey, systemRandom } from '../../src/base/index.ts';
import { exportStore, importStore, type Op, openLmdbStore, type Store, type StoreKind } from '../../src/store/index.ts';

export const MADE_AT = Date.UTC(2027, 0, 1);
export const RESTORED_AT = MADE_AT + 86_400_000;

/** A store with `records`, backed up, and what comes out of it a day later. */
export async function outOfBackup(
  fn: string,
  kind: StoreKind,
  records: readonly Op[],
  work: (store: Store, clock: { at: number; now(): number }) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-restore-'));
  const clock = { at: MADE_AT, now: () => clock.at };
  const key = SecretKey.adopt(Buffer.alloc(32, 7));
  const [lost, next, file] = ['lost', 'next', 'file'].map((name) => join(dir, name)) as [string, string, string];
  try {
    const first = openLmdbStore(lost, clock);
    await first.commit(records);
    await first.close();
    const common = { fn, kind, clock, key, file };
    await exportStore({ ...common, store: { driver: 'lmdb', path: lost }, random: systemRandom });
    clock.at = RESTORED_AT;
    await importStore({ ...common, store: { driver: 'lmdb', path: next } });
    const store = openLmdbStore(next, clock);
    await work(store, clock).finally(() => store.close());
  } finally {
    rmSync(dir, { recursive: true });
  }
}
