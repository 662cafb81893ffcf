import { type Clock, GbaError, type Sealer, type SecretKey } from '../../base/index.ts';
import type { StoreConfig } from '../open.ts';
import { isLive } from '../record.ts';
import type { OnProgress } from './export.ts';
import { openForReading } from './file.ts';
import { inspect, parsedOf, spaceOf } from './inspect.ts';
import { RESTORED, RESTORED_KEY, type RestoredRecord, type RestoreTimes, type StoreKind } from './kind.ts';
import { type BackupInfo, type OpenBackup, openBackup, requireLater } from './lines.ts';
import { loadStore } from './load.ts';
import type { LoadRecord } from './ports.ts';
import { createTally, type RawRecord, type Tally } from './record.ts';

export interface ImportOptions {
  fn: string;
  kind: StoreKind;
  store: StoreConfig;
  clock: Clock;
  key: SecretKey;
  /** Opens what is sealed in the records; left out: nothing is. */
  sealer?: Sealer;
  file: string;
  /** Records that are known to be out of date: `space/key`. */
  leaveOut?: ReadonlySet<string>;
  progress?: OnProgress;
}

export interface Imported extends Tally {
  fn: string;
  file: string;
  madeAt: number;
  restoredAt: number;
  /** What was in the backup and is not in the store: ended since, not to come back, or not wanted. */
  leftOut: number;
}

/** Reads a backup once through, to its end. */
export function withBackup<T>(file: string, key: SecretKey, work: (backup: OpenBackup) => T): T {
  const { read, close } = openForReading(file);
  try {
    return work(openBackup(key, read));
  } finally {
    close();
  }
}

/** Throws what `openBackup` does; `each` sees every record. */
export function verifyBackup(
  file: string,
  key: SecretKey,
  each: (record: RawRecord, info: BackupInfo) => void,
): { info: BackupInfo; tally: Tally } {
  return withBackup(file, key, ({ info, records }) => {
    for (;;) {
      const next = records.next();
      if (next.done === true) return { info, tally: next.value };
      each(next.value, info);
    }
  });
}

/** Throws `backup-of-another`. */
export function requireSameFunction({ fn: made }: BackupInfo, fn: string): void {
  if (made !== fn) throw new GbaError('backup-of-another', `it is the backup of a store of '${made}', not of '${fn}'`);
}

/**
 * Puts a backup into an empty store: it is read to its end first, so that a broken one changes nothing, and goes in by one
 * transaction. The store is marked as restored with what its function has to know.
 */
export async function importStore(options: ImportOptions): Promise<Imported> {
  const { fn, kind, key, file, sealer, progress, leaveOut = new Set() } = options;
  if (kind.noBackup !== undefined) throw new GbaError('backup-refused', kind.noBackup);
  const wanted = new Set(leaveOut);
  const { info, tally: found } = verifyBackup(file, key, (record, made) => {
    requireSameFunction(made, fn);
    inspect(kind, record, sealer);
    wanted.delete(`${record.space}/${record.key}`);
  });
  requireSameFunction(info, fn);
  const [missing] = wanted;
  if (missing !== undefined) throw new GbaError('record-unknown', `there is no record '${missing}' in the backup`);
  const restoredAt = Math.floor(requireLater(info, options.clock));
  const times = { madeAt: info.madeAt, restoredAt };
  const tally = createTally();
  function* records(): Generator<LoadRecord> {
    const { read, close } = openForReading(file);
    try {
      const backup = openBackup(key, read);
      let done = 0;
      for (const record of backup.records) {
        progress?.(++done);
        const restored = restore(kind, record, times);
        if (restored === undefined || leaveOut.has(`${record.space}/${record.key}`)) continue;
        tally.add(restored);
        yield restored;
      }
      yield markOf(times);
    } finally {
      close();
    }
  }
  await loadStore(options.store, { now: restoredAt, atMost: found.total + 1, records });
  const result = tally.end();
  return { fn, file, ...times, ...result, leftOut: found.total - result.total };
}

function restore(kind: StoreKind, record: RawRecord, times: RestoreTimes): RawRecord | undefined {
  // A restored store that was never confirmed, and backed up: the new mark says the same, and more.
  if (record.space === RESTORED || !isLive(record, times.restoredAt)) return undefined;
  const value = spaceOf(kind, record.space)?.restore(record.key, parsedOf(record), times);
  if (value === undefined) return undefined;
  return { ...record, json: JSON.stringify(value) };
}

function markOf(times: RestoreTimes): LoadRecord {
  const mark: RestoredRecord = { v: 1, ...times };
  return { space: RESTORED, key: RESTORED_KEY, json: JSON.stringify(mark) };
}
