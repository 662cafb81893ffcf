import { type Clock, GbaError, type Random, type SecretKey } from '../../base/index.ts';
import type { StoreConfig } from '../open.ts';
import { isLive } from '../record.ts';
import { SALT_LENGTH } from './chunks.ts';
import { writeNewFile } from './file.ts';
import type { StoreKind } from './kind.ts';
import { createBackupWriter } from './lines.ts';
import type { Tally } from './record.ts';
import { readSnapshot } from './snapshot.ts';

/** How many records have been dealt with. */
export type OnProgress = (records: number) => void;

export interface ExportOptions {
  /** The network function whose store it is. */
  fn: string;
  kind: StoreKind;
  store: StoreConfig;
  clock: Clock;
  random: Random;
  key: SecretKey;
  file: string;
  /** Of when the store is, when it is a copy that has been standing since; milliseconds since 1970. Default: now. */
  asOf?: number;
  progress?: OnProgress;
}

export interface Exported extends Tally {
  fn: string;
  driver: string;
  file: string;
  octets: number;
  madeAt: number;
}

/**
 * Writes all live records of a store into an encrypted file, as they are at one moment, while its function runs. Throws
 * `backup-refused`, `clock-wrong`, and as reading the store and writing the file do.
 */
export async function exportStore(options: ExportOptions): Promise<Exported> {
  const { fn, kind, clock, random, key, file, asOf, progress } = options;
  if (kind.noBackup !== undefined) throw new GbaError('backup-refused', kind.noBackup);
  return await readSnapshot(options.store, async ({ driver, lastVersion, pages }) => {
    const madeAt = Math.floor(asOf ?? clock.now());
    if (madeAt > clock.now()) throw new GbaError('clock-wrong', 'a store is not of a time that is still to come');
    const { result, octets } = await writeNewFile(file, async (write) => {
      const info = { fn, driver, madeAt, lastVersion };
      const writer = createBackupWriter({ key, salt: random.bytes(SALT_LENGTH), write, info });
      let done = 0;
      for await (const page of pages) {
        for (const record of page) if (isLive(record, madeAt)) writer.add(record);
        done += page.length;
        progress?.(done);
      }
      return writer.end();
    });
    return { fn, driver, file, octets, madeAt, ...result };
  });
}
