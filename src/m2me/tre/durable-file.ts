import { dirname, join } from 'node:path';
import { GbaError } from '../../base/index.ts';
import { type Disk, systemDisk } from './disk.ts';

/** Suffix of a file that is being written: never read, removed when the directory is opened. */
const TORN = '.part';

/** Files that a power cut leaves whole. Everything throws `tre-storage-failed`. */
export interface DurableFiles {
  /** After a power cut it is the old file or the new one: part file, fsync, rename, fsync. */
  write(path: string, octets: Uint8Array): Promise<void>;
  /** Adds to the file; durable when it resolves. */
  append(path: string, octets: Uint8Array): Promise<void>;
  /** The whole file, or nothing when there is none. */
  read(path: string): Promise<Buffer | undefined>;
  /** Overwrites the file in place, makes that durable, then deletes it. Repeating it does no harm. */
  erase(path: string): Promise<void>;
  list(directory: string): Promise<string[]>;
  /** Makes the directory if need be, for its owner alone, and erases what a power cut left half-written in it. */
  openDirectory(directory: string): Promise<void>;
}

export function createDurableFiles(disk: Disk = systemDisk): DurableFiles {
  async function syncDirectory(path: string): Promise<void> {
    const directory = await disk.open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /** A directory is as durable as its name in the one above; `made` is the topmost that has just been made. */
  async function syncNameOf(directory: string, made: string | undefined): Promise<void> {
    // One that was there may stand in a folder that is not for us to read: then it was not us who made it.
    await syncDirectory(dirname(directory)).catch((error: unknown) => {
      if (made !== undefined || !isCode(error, 'EACCES')) throw error;
    });
    if (made !== undefined && made !== directory) await syncNameOf(dirname(directory), made);
  }

  async function put(path: string, flags: 'w' | 'a', octets: Uint8Array): Promise<void> {
    const file = await disk.open(path, flags, 0o600);
    try {
      await file.writeFile(octets);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async function erase(path: string): Promise<void> {
    const file = await ifPresent(disk.open(path, 'r+'));
    if (file === undefined) return;
    try {
      const { size } = await file.stat();
      // Not write(), which may stop short.
      await file.writeFile(Buffer.alloc(size));
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rm(path, { force: true });
    await syncDirectory(dirname(path));
  }

  return {
    write: (path, octets) =>
      guarded('a TRE file cannot be written', async () => {
        const part = `${path}${TORN}`;
        await put(part, 'w', octets);
        await disk.rename(part, path);
        await syncDirectory(dirname(path));
      }),
    append: (path, octets) => guarded('a TRE file cannot be written', () => put(path, 'a', octets)),
    read: (path) => guarded('a TRE file cannot be read', () => ifPresent(disk.readFile(path))),
    erase: (path) => guarded('a TRE file cannot be erased', () => erase(path)),
    list: (directory) => guarded('the TRE directory cannot be read', () => disk.readdir(directory)),
    openDirectory: (directory) =>
      guarded('the TRE directory cannot be opened', async () => {
        const made = await disk.mkdir(directory, { recursive: true, mode: 0o700 });
        await syncNameOf(directory, typeof made === 'string' ? made : undefined);
        // Such a file has never been visible to any reader.
        for (const name of await disk.readdir(directory)) if (name.endsWith(TORN)) await erase(join(directory, name));
      }),
  };
}

async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new GbaError('tre-storage-failed', what, { cause });
  }
}

async function ifPresent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined;
    throw cause;
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
