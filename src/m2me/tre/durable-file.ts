import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GbaError } from '../../base/index.ts';

/** Suffix of a file that is being written: never read, removed when the directory is opened. */
const TORN = '.part';

/**
 * Writes a whole file so that after a power cut it is the old one or the new one: part file, fsync, rename, fsync. Throws
 * `tre-storage-failed`, as all here.
 */
export async function writeDurable(path: string, octets: Uint8Array): Promise<void> {
  const part = `${path}${TORN}`;
  await guarded('a TRE file cannot be written', async () => {
    const file = await open(part, 'w', 0o600);
    try {
      await file.writeFile(octets);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    await syncDirectory(dirname(path));
  });
}

/** The whole file, or nothing when there is none. */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  return await guarded('a TRE file cannot be read', () => ifPresent(readFile(path)));
}

/** Overwrites the file in place, makes that durable, then deletes it. Repeating it does no harm. */
export async function eraseFile(path: string): Promise<void> {
  await guarded('a TRE file cannot be erased', async () => {
    const file = await ifPresent(open(path, 'r+'));
    if (file === undefined) return;
    try {
      const { size } = await file.stat();
      // Not write(), which may stop short.
      await file.writeFile(Buffer.alloc(size));
      await file.sync();
    } finally {
      await file.close();
    }
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
  });
}

export async function listDirectory(path: string): Promise<string[]> {
  return await guarded('the TRE directory cannot be read', () => readdir(path));
}

/** What a power cut left half-written is erased; such a file has never been visible to any reader. */
export async function eraseTornFiles(directory: string): Promise<void> {
  for (const name of await listDirectory(directory)) {
    if (name.endsWith(TORN)) await eraseFile(join(directory, name));
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
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
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}
