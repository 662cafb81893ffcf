import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { GbaError } from '../../base/index.ts';
import type { ReadOctets } from './chunks.ts';

/**
 * Writes a new file that has its name only when it is whole and on the disk. For its owner alone. Throws `file-exists`,
 * `file-unwritable`.
 */
export async function writeNewFile<T>(
  path: string,
  work: (write: (octets: Uint8Array) => void) => Promise<T>,
): Promise<{ result: T; octets: number }> {
  if (existsSync(path)) throw new GbaError('file-exists', `${path} is there already`);
  const partial = `${path}.partial`;
  const io = <R>(act: () => R): R => {
    try {
      return act();
    } catch (cause) {
      throw new GbaError('file-unwritable', `cannot write ${path}`, { cause });
    }
  };
  io(() => rmSync(partial, { force: true }));
  const file = io(() => openSync(partial, 'wx', 0o600));
  let octets = 0;
  try {
    const result = await work((data) => {
      for (let from = 0; from < data.length; ) from += io(() => writeSync(file, data, from));
      octets += data.length;
    });
    io(() => fsyncSync(file));
    io(() => renameSync(partial, path));
    const folder = io(() => openSync(dirname(path), 'r'));
    io(() => fsyncSync(folder));
    closeSync(folder);
    return { result, octets };
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Reads a file from its beginning; `position` is how far it has come. Throws `file-unreadable`. */
export function openForReading(path: string): { read: ReadOctets; position(): number; close(): void } {
  const io = <R>(act: () => R): R => {
    try {
      return act();
    } catch (cause) {
      throw new GbaError('file-unreadable', `cannot read ${path}`, { cause });
    }
  };
  const file = io(() => openSync(path, 'r'));
  let position = 0;
  return {
    read(length) {
      const octets = Buffer.allocUnsafe(length);
      let filled = 0;
      for (;;) {
        const got = io(() => readSync(file, octets, filled, length - filled, null));
        filled += got;
        position += got;
        if (got === 0 || filled === length) return octets.subarray(0, filled);
      }
    },
    position: () => position,
    close: () => closeSync(file),
  };
}
