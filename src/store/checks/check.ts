import assert from 'node:assert/strict';
import type { Clock } from '../../base/index.ts';
import type { Entry, ListOptions, Op, Store } from '../contract.ts';

/** An empty store, and how to get rid of it. */
export interface StoreUnderTest {
  store: Store;
  /** Another opening of the same records, as a second process has it. Left out: what needs two is passed over. */
  again?: () => Promise<Store>;
  /** Called at the end of the check, after every store has been closed. */
  clear?: () => Promise<void>;
}

export type OpenEmptyStore = (clock: Clock) => Promise<StoreUnderTest>;

/** One demand of the contract; `run` rejects with an `AssertionError` that says what is wrong. */
export interface StoreCheck {
  name: string;
  run(open: OpenEmptyStore): Promise<void>;
}

interface World {
  store: Store;
  clock: { at: number };
  again?: () => Promise<Store>;
}

/** A check that begins with an empty store at time 1000. */
export function check(name: string, body: (world: World) => Promise<void>): StoreCheck {
  return {
    name,
    async run(open) {
      const clock = { at: 1_000, now: () => clock.at };
      const { store, again, clear } = await open(clock);
      const opened = [store];
      const second = async (): Promise<Store> => {
        const other = (await again?.()) ?? store;
        if (other !== store) opened.push(other);
        return other;
      };
      try {
        await body({ store, clock, ...(again && { again: second }) });
      } finally {
        await Promise.all(opened.map((one) => one.close()));
        await clear?.();
      }
    },
  };
}

export const put = (key: string, value: unknown, more: Omit<Op, 'space' | 'key' | 'put'> = {}): Op => ({
  space: 's',
  key,
  put: value,
  ...more,
});

export async function keysOf(store: Store, options: ListOptions = {}): Promise<string[]> {
  return (await store.list('s', options)).map(({ key }) => key);
}

/** A record that must be there. */
export async function read<T = unknown>(store: Store, key: string): Promise<Entry<T>> {
  const entry = await store.get<T>('s', key);
  assert.ok(entry, `no record '${key}'`);
  return entry;
}

/** Tries again as long as others were faster; a store on which nobody ever wins must not keep a check for ever. */
export async function untilDone(attempt: () => Promise<boolean>): Promise<void> {
  for (const _ of times(2_000)) if (await attempt()) return;
  assert.fail('a commit has failed 2000 times, though it always expected what was there');
}

/** Adds `step` to a number by compare-and-set until it succeeds. */
export async function raise(store: Store, key: string, step = 1): Promise<void> {
  await untilDone(async () => {
    const entry = await store.get<number>('s', key);
    return await store.commit([put(key, (entry?.value ?? 0) + step, { expect: entry?.version ?? 0 })]);
  });
}

export const times = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
