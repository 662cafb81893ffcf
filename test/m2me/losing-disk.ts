import { basename, dirname } from 'node:path';
import type { Disk, DiskFile } from '../../src/m2me/tre/index.ts';

/** What becomes, at a power cut, of octets that were written and not synced, and of names that were. */
export interface Fate {
  octets: 'lost' | 'torn' | 'kept';
  names: 'lost' | 'kept';
}

export const FATES: readonly Fate[] = (['lost', 'torn', 'kept'] as const).flatMap((octets) =>
  (['lost', 'kept'] as const).map((names) => ({ octets, names })),
);

export class PowerCut extends Error {}

interface File {
  now: Buffer;
  synced: Buffer;
}

/** A disk in memory on which only what was synced is safe: contents by syncing the file, names by syncing the directory. */
export interface LosingDisk extends Disk {
  /** From now on the power goes before operation `n` (from 0): that one and all after it throw. */
  cutBefore(n: number): void;
  /** The power comes back, with what `fate` left. */
  restart(fate: Fate): void;
  /** All octets that are on it, also those that no name leads to any more. */
  octets(): Buffer;
  names(): string[];
}

const half = (octets: Buffer): Buffer => octets.subarray(0, octets.length >> 1);

/** Its first half is there, and of what was there before whatever is longer than that. */
const tornOf = ({ now, synced }: File): Buffer => Buffer.concat([half(now), synced.subarray(now.length >> 1)]);

export function createLosingDisk(): LosingDisk {
  let now = new Map<string, File>();
  let safe = new Map<string, File>();
  const directories = new Set<string>();
  const safeDirectories = new Set<string>();
  const every = new Set<File>();
  let left = Number.POSITIVE_INFINITY;
  let used = 0;

  /** One operation that changes the disk. */
  function operate(): void {
    if (used++ >= left) throw new PowerCut();
  }
  const fault = (code: string): Error => Object.assign(new TypeError(code), { code });
  function find(path: string): File {
    const file = now.get(path);
    if (file === undefined) throw fault('ENOENT');
    return file;
  }
  function syncDirectory(path: string): void {
    for (const name of new Set([...now.keys(), ...safe.keys()])) {
      if (dirname(name) !== path) continue;
      const file = now.get(name);
      if (file === undefined) safe.delete(name);
      else safe.set(name, file);
    }
    for (const name of directories) if (dirname(name) === path) safeDirectories.add(name);
  }
  function openFile(path: string, file: File, append: boolean): DiskFile {
    return {
      async writeFile(octets) {
        // Half of it may be there before the power goes.
        file.now = append ? Buffer.concat([file.now, half(Buffer.from(octets))]) : file.now;
        operate();
        const before = append ? file.now.subarray(0, file.now.length - (octets.length >> 1)) : Buffer.alloc(0);
        file.now = Buffer.concat([before, octets]);
      },
      async sync() {
        operate();
        file.synced = file.now;
      },
      stat: async () => ({ size: find(path).now.length }),
      close: async () => undefined,
    };
  }

  return {
    async open(path, flags) {
      if (flags === 'r') {
        const sync = async (): Promise<void> => {
          operate();
          syncDirectory(path);
        };
        return {
          writeFile: async () => undefined,
          sync,
          stat: async () => ({ size: 0 }),
          close: async () => undefined,
        };
      }
      if (flags === 'r+') return openFile(path, find(path), false);
      operate();
      let file = now.get(path);
      if (file === undefined) {
        file = { now: Buffer.alloc(0), synced: Buffer.alloc(0) };
        every.add(file);
        now.set(path, file);
      }
      if (flags === 'w') file.now = Buffer.alloc(0);
      return openFile(path, file, flags === 'a');
    },
    readFile: async (path) => Buffer.from(find(path).now),
    readdir: async (path) => [...now.keys()].filter((name) => dirname(name) === path).map((name) => basename(name)),
    async rename(from, to) {
      operate();
      now.set(to, find(from));
      now.delete(from);
    },
    async rm(path) {
      operate();
      now.delete(path);
    },
    async mkdir(path) {
      if (directories.has(path)) return undefined;
      operate();
      directories.add(path);
      return path;
    },
    cutBefore(n) {
      left = n;
      used = 0;
    },
    restart({ octets, names }) {
      if (names === 'lost') now = new Map(safe);
      if (names === 'lost') for (const path of directories) if (!safeDirectories.has(path)) lose(path);
      for (const file of every) {
        if (octets === 'lost') file.now = file.synced;
        if (octets === 'torn' && !file.now.equals(file.synced)) file.now = tornOf(file);
        file.synced = file.now;
      }
      safe = new Map(now);
      for (const path of directories) safeDirectories.add(path);
      left = Number.POSITIVE_INFINITY;
      used = 0;
    },
    octets: () => Buffer.concat([...every].map((file) => file.now)),
    names: () => [...now.keys()].map((name) => basename(name)),
  };

  /** A directory whose own name was lost takes everything in it along. */
  function lose(path: string): void {
    directories.delete(path);
    for (const name of now.keys()) if (dirname(name) === path) now.delete(name);
  }
}
