import { basename } from 'node:path';
import { type Disk, type DiskFile, systemDisk } from '../../src/m2me/tre/index.ts';
import type { Op, Store } from '../../src/store/index.ts';
import type { Meter, Moment } from './meter.ts';

/** The store, each of whose commits is a durable write. */
export function meteredStore(store: Store, meter: Meter): Store {
  return {
    ...store,
    async commit(ops) {
      const name = nameOf(ops);
      // A commit that only looks writes nothing.
      if (name === '') return await store.commit(ops);
      const at = meter.begin(name);
      at('before');
      const done = await store.commit(ops);
      at('after');
      return done;
    },
  };
}

/** Spaces and what becomes of their records; a record with a state says which, a message says what it is. */
function nameOf(ops: readonly Op[]): string {
  const names = ops.flatMap(({ space, key, put, delete: gone }) => {
    const kind = space === 'outbox' ? `:${key.split(/[/-][0-9a-f-]{8}/, 1)[0]}` : '';
    if (gone === true) return [`${space}${kind}-`];
    return put === undefined ? [] : [`${space}${kind}${stateOf(put)}`];
  });
  return [...new Set(names)].sort().join(' ');
}

function stateOf(put: unknown): string {
  if (typeof put !== 'object' || put === null) return '+';
  const { state, attempts } = put as { state?: unknown; attempts?: unknown };
  // A message that must be sent again: no write of a change that goes well.
  if (typeof attempts === 'number' && attempts > 0) return '~';
  return typeof state === 'string' ? `=${state}` : '+';
}

export const isRepeat = (point: string): boolean => point.includes('~');

/** The disk under the TRE: writing or erasing a file is one durable write, whole but nameless or overwritten in its middle. */
export function meteredDisk(meter: Meter): Disk {
  const underway = new Map<string, (moment: Moment) => void>();
  const end = (path: string): void => {
    underway.get(path)?.('after');
    underway.delete(path);
  };
  return {
    ...systemDisk,
    async open(path, flags, mode) {
      const file = await systemDisk.open(path, flags, mode);
      if (flags === 'r') return file;
      // What is written under a passing name becomes durable under its own; what is left of that is erased as it is.
      const target = flags === 'w' ? path.replace(/\.part$/, '') : path;
      const verb = { w: 'write', a: 'append', 'r+': 'erase' }[flags];
      const at = meter.begin(`${verb} ${basename(target).replace(/[0-9a-f]{16,}/g, '*')}`);
      if (flags !== 'a') underway.set(target, at);
      return metered(file, at, flags === 'a');
    },
    async rename(from, to) {
      await systemDisk.rename(from, to);
      end(to);
    },
    async rm(path, options) {
      await systemDisk.rm(path, options);
      end(path);
    },
  };
}

function metered(file: DiskFile, at: (moment: Moment) => void, isWhole: boolean): DiskFile {
  return {
    async writeFile(octets) {
      at('before');
      await file.writeFile(octets);
    },
    async sync() {
      await file.sync();
      at(isWhole ? 'after' : 'within');
    },
    stat: () => file.stat(),
    close: () => file.close(),
  };
}
