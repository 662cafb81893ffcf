import { join } from 'node:path';
import type { DurableFiles } from './tre/index.ts';

const PREFIX = 'download-';

/** Packages on their way, by serial: ciphertext, invisible to everybody until it is whole and checked. */
export interface Downloads {
  /** Adds one chunk; durable when it resolves. */
  append(serial: string, chunk: Uint8Array): Promise<void>;
  /** What is there already; undefined when nothing is. */
  read(serial: string): Promise<Buffer | undefined>;
  erase(serial: string): Promise<void>;
  serials(): Promise<string[]>;
}

export function createDownloads(directory: string, files: DurableFiles): Downloads {
  const pathOf = (serial: string): string => join(directory, `${PREFIX}${serial}`);
  return {
    append: (serial, chunk) => files.append(pathOf(serial), chunk),
    read: (serial) => files.read(pathOf(serial)),
    erase: (serial) => files.erase(pathOf(serial)),
    async serials() {
      return (await files.list(directory)).flatMap((name) => /^download-([0-9a-f]{32})$/.exec(name)?.[1] ?? []);
    },
  };
}
