import { z } from 'zod';
import { GbaError } from '../../base/index.ts';
import type { Store } from '../contract.ts';

/** A value sealed under the function's sealing key, and what it is bound to. */
export interface Seal {
  sealed: string;
  context: string;
}

export interface RestoreTimes {
  /** When the backup was made, and when it is put back; milliseconds since 1970. */
  madeAt: number;
  restoredAt: number;
}

/** What is to be known of one space of a store. */
export interface SpaceKind {
  /** Throws `record-invalid` for a value that the function could not read; returns what is sealed in it. */
  look(key: string, value: unknown): readonly Seal[];
  /** What the record of a backup becomes in a restored store; undefined: it is left out. */
  restore(key: string, value: unknown, times: RestoreTimes): unknown;
}

/** What backups have to know of a function's store. */
export interface StoreKind {
  /** Why there is no backup of such a store. */
  noBackup?: string;
  spaces: Readonly<Record<string, SpaceKind>>;
  /** Takes back what `restore` held: called when a person has compared the restored store with the world. */
  confirm?(store: Store): Promise<number>;
}

export interface SpaceOptions<T> {
  seals?(key: string, value: T): readonly Seal[];
  restore?(value: T, times: RestoreTimes, key: string): T | undefined;
}

/** A space of values `T`, known by `shape`, which looks at what matters; without `restore` they come back as they were. */
export function space<T>(shape: z.ZodType, options: SpaceOptions<T> = {}): SpaceKind {
  const read = (key: string, value: unknown): T => {
    const result = shape.safeParse(value);
    if (result.success) return value as T;
    const [issue] = result.error.issues;
    throw new GbaError('record-invalid', `'${key}' at ${issue?.path.join('.') || 'top'}: ${issue?.code}`);
  };
  return {
    look(key, value) {
      const known = read(key, value);
      return options.seals?.(key, known) ?? [];
    },
    restore(key, value, times) {
      const known = read(key, value);
      return options.restore === undefined ? known : options.restore(known, times, key);
    },
  };
}

/** Why a space does not come back is said where it is used. */
export const leftOut = (shape: z.ZodType): SpaceKind => space(shape, { restore: () => undefined });

/** Where a store says that it came out of a backup, until somebody confirms that the world is as it says. */
export const RESTORED = 'restored';
export const RESTORED_KEY = 'store';

/** What is said of such a store. */
export const UNCONFIRMED = 'out of a backup and not confirmed: see `gba store confirm`';

export interface RestoredRecord extends RestoreTimes {
  v: 1;
}

export const restoredSpace: SpaceKind = space(
  z.looseObject({ v: z.literal(1), madeAt: z.number(), restoredAt: z.number() }),
);

/** Set as long as a restored store has not been confirmed. */
export async function restoredMark(store: Store): Promise<RestoredRecord | undefined> {
  return (await store.get<RestoredRecord>(RESTORED, RESTORED_KEY))?.value;
}
