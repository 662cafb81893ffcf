import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GbaError } from '../../base/index.ts';

/** Suffix of a file that is being written: never read, removed when the directory is opened. */
const TORN = '.part';

/** Writes a whole file so that after a power cut it is the old one or the new one: part file, fsync, rename, fsync. */
export async function writeDurable(path: string, octets: Uint8Array): Promise<void> {
  const part = `${path}${TORN}`;
  const file = await open(part, 'w', 0o600);
  try {
    await file.writeFile(octets);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(part, path);
  await syncDirectory(dirname(path));
}

/** The whole file, or nothing when there is none. Any other trouble throws `tre-storage-failed`. */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw new GbaError('tre-storage-failed', 'a TRE file cannot be read', { cause });
  }
}

/** Overwrites the file in place, makes that durable, then deletes it. Repeating it does no harm. */
export async function eraseFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r+');
    try {
      const { size } = await file.stat();
      await file.write(Buffer.alloc(size), 0, size, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isAbsent(cause)) return;
    throw new GbaError('tre-storage-failed', 'a TRE file cannot be overwritten', { cause });
  }
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** What a power cut left half-written is erased; such a file has never been visible to any reader. */
export async function eraseTornFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
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

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}
