import type { Clock, Sealer, SecretKey } from '../../base/index.ts';
import type { StoreConfig } from '../open.ts';
import { isLive } from '../record.ts';
import type { OnProgress } from './export.ts';
import { openForReading } from './file.ts';
import { type Fault, faultOf } from './inspect.ts';
import type { StoreKind } from './kind.ts';
import { openBackup } from './lines.ts';
import { compareRecords, createTally, type RawRecord, type Tally } from './record.ts';
import { readSnapshot } from './snapshot.ts';

/** How many faults are told one by one. */
const TOLD = 20;

export interface StoreLook {
  fn: string;
  kind: StoreKind;
  store: StoreConfig;
  clock: Clock;
  sealer?: Sealer;
  progress?: OnProgress;
}

export interface Looked extends Tally {
  driver: string;
  /** Not removed yet; not in the numbers above. */
  expired: number;
  faults: number;
  /** The first of them. */
  told: readonly Fault[];
}

/** Reads all of a store beside its function, and says which records that one could not use. */
export async function checkStore({ kind, store, clock, sealer, progress }: StoreLook): Promise<Looked> {
  return await readSnapshot(store, async ({ driver, lastVersion, pages }) => {
    const now = clock.now();
    const tally = createTally();
    const told: Fault[] = [];
    let [done, expired, faults] = [0, 0, 0];
    for await (const page of pages) {
      for (const record of page) {
        if (isLive(record, now)) tally.add(record);
        else expired++;
        const fault = record.version > lastVersion ? versionFault(record) : faultOf(kind, record, sealer);
        if (fault === undefined) continue;
        faults++;
        if (told.length < TOLD) told.push(fault);
      }
      done += page.length;
      progress?.(done);
    }
    return { driver, ...tally.end(), expired, faults, told };
  });
}

const versionFault = ({ space, key }: RawRecord): Fault => ({
  space,
  key,
  code: 'version-wrong',
  message: 'its version was never given',
});

/** How the records of a store stand to those of a backup. */
export interface Compared {
  same: number;
  changed: number;
  /** In the backup only. */
  gone: number;
  /** In the store only. */
  added: number;
}

/** Both are in the same order: one pass over each. Expired records count nowhere. */
export async function compareWithBackup(
  store: StoreConfig,
  clock: Clock,
  backup: { file: string; key: SecretKey },
): Promise<Compared> {
  const { read, close } = openForReading(backup.file);
  try {
    const theirs = openBackup(backup.key, read).records;
    return await readSnapshot(store, async ({ pages }) => {
      const now = clock.now();
      const count: Compared = { same: 0, changed: 0, gone: 0, added: 0 };
      const next = (): RawRecord | undefined => {
        for (;;) {
          const one = theirs.next();
          if (one.done === true) return undefined;
          if (isLive(one.value, now)) return one.value;
        }
      };
      let other = next();
      for await (const page of pages) {
        for (const own of page) {
          if (!isLive(own, now)) continue;
          for (; other !== undefined && compareRecords(other, own) < 0; other = next()) count.gone++;
          if (other === undefined || compareRecords(other, own) > 0) {
            count.added++;
            continue;
          }
          if (other.json === own.json && other.expiresAt === own.expiresAt) count.same++;
          else count.changed++;
          other = next();
        }
      }
      for (; other !== undefined; other = next()) count.gone++;
      return count;
    });
  } finally {
    close();
  }
}
