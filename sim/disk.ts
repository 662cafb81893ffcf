import { basename } from 'node:path';
import type { Disk, DiskFile } from '../src/m2me/tre/disk.ts';
import type { Dice } from './dice.ts';
import type { Faults } from './faults.ts';
import { type Life, never } from './kernel.ts';

interface Inode {
  /** What a reader sees. */
  data: Buffer;
  /** What is on the medium for certain. */
  synced: Buffer;
}

/** What one operation gave a directory or took from it: all of it reaches the medium, or nothing. */
type Links = readonly { name: string; inode: Inode | undefined }[];

/**
 * A machine's disk: one directory of files. A power cut takes what was not synced: the contents of a file (or leaves a
 * piece of them), and any of the names that its directory was given or lost since.
 */
export class SimDisk {
  readonly #faults: Faults;
  readonly #dice: Dice;
  #names = new Map<string, Inode>();
  #synced = new Map<string, Inode>();
  #pending: Links[] = [];
  #cuts = 0;
  /** Counts changes: for who wants to know whether there was one. */
  changes = 0;

  constructor(faults: Faults, dice: Dice) {
    this.#faults = faults;
    this.#dice = dice;
  }

  /** Octets of a file that no power cut takes away any more. */
  certain(name: string): Buffer | undefined {
    return this.#synced.get(name)?.synced;
  }

  certainNames(): string[] {
    return [...this.#synced.keys()];
  }

  powerCut(machine: string): void {
    const cut = `${machine} disk cut ${++this.#cuts}`;
    const names = new Map(this.#synced);
    for (const [i, links] of this.#pending.entries()) {
      if (this.#dice.chance(`${cut} names ${i}`, 0.5)) putLinks(names, links);
    }
    for (const [name, inode] of names) {
      const { data, synced } = inode;
      if (data === synced) continue;
      const kept = Math.floor(this.#dice.fraction(`${cut} data ${name.replace(/[0-9a-f]{16,}/, '')}`) * 3);
      inode.data = kept === 0 ? synced : kept === 1 ? data : torn(synced, data);
      inode.synced = inode.data;
    }
    this.#names = names;
    this.#synced = new Map(names);
    this.#pending = [];
    this.changes++;
  }

  open(life: Life): Disk {
    const point = (what: string): string => `${life.name}/${life.number} disk ${what} ${life.count('disk')}`;
    /** Power may go before or after each change of the disk. */
    const step = async <T>(what: string, work: () => T): Promise<T> => {
      if (!life.alive) return await never();
      const name = point(what);
      if (this.#faults.kills(life, `${name} before`)) return await never();
      const result = work();
      this.changes++;
      if (this.#faults.kills(life, `${name} after`)) return await never();
      return result;
    };
    const named = (path: string): Inode => {
      const inode = this.#names.get(basename(path));
      if (inode === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return inode;
    };
    const link = (...links: Links): void => {
      putLinks(this.#names, links);
      this.#pending.push(links);
    };

    return {
      open: async (path, flags) => {
        if (!life.alive) return await never();
        if (flags === 'r' && !this.#names.has(basename(path))) return this.#directory(step);
        if (flags === 'w' || (flags === 'a' && !this.#names.has(basename(path)))) {
          const known = this.#names.get(basename(path));
          if (known === undefined) link({ name: basename(path), inode: { data: NOTHING, synced: NOTHING } });
          else known.data = NOTHING;
        }
        const inode = named(path);
        return fileOf(inode, flags === 'a' ? inode.data.length : 0, step);
      },
      readFile: async (path) => (life.alive ? Buffer.from(named(path).data) : await never()),
      readdir: async () => (life.alive ? [...this.#names.keys()].sort() : await never()),
      rename: (from, to) =>
        step('rename', () => {
          const inode = named(from);
          link({ name: basename(to), inode }, { name: basename(from), inode: undefined });
        }),
      rm: (path) =>
        step('remove', () => {
          if (this.#names.has(basename(path))) link({ name: basename(path), inode: undefined });
        }),
      mkdir: async () => undefined,
    };
  }

  #directory(step: Step): DiskFile {
    return {
      writeFile: () => Promise.reject(new Error('a directory')),
      stat: async () => ({ size: 0 }),
      close: async () => undefined,
      sync: () =>
        step('sync directory', () => {
          this.#synced = new Map(this.#names);
          this.#pending = [];
        }),
    };
  }
}

const NOTHING = Buffer.alloc(0);

function putLinks(names: Map<string, Inode>, links: Links): void {
  for (const { name, inode } of links) {
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
  }
}

type Step = <T>(what: string, work: () => T) => Promise<T>;

function fileOf(inode: Inode, from: number, step: Step): DiskFile {
  let at = from;
  return {
    writeFile: (octets) =>
      step('write', () => {
        const end = Math.max(inode.data.length, at + octets.length);
        const data = Buffer.alloc(end);
        inode.data.copy(data);
        data.set(octets, at);
        inode.data = data;
        at += octets.length;
      }),
    sync: () =>
      step('sync', () => {
        inode.synced = inode.data;
      }),
    stat: async () => ({ size: inode.data.length }),
    close: async () => undefined,
  };
}

/** A write that reached the medium in part. */
function torn(before: Buffer, after: Buffer): Buffer {
  const half = after.length >> 1;
  return Buffer.concat([after.subarray(0, half), before.subarray(half, after.length)]);
}
