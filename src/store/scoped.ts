import type { Entry, ListOptions, Store } from './contract.ts';

/**
 * One user's part of a shared store: keys of different scopes never meet. Only the store's owner sweeps and closes it.
 * `scope` is a word without `/`; it and the `/` count in the length of a key.
 */
export function scopedStore(store: Store, scope: string): Store {
  const prefix = `${scope}/`;
  /** What is no key stays none. */
  const keyOf = (key: string): string => (key === '' ? '' : prefix + key);
  const bare = <T>(entry: Entry<T>): Entry<T> => ({ ...entry, key: entry.key.slice(prefix.length) });
  return {
    async get<T>(space: string, key: string) {
      const entry = await store.get<T>(space, keyOf(key));
      return entry === undefined ? undefined : bare(entry);
    },
    async list<T>(space: string, { after, ...rest }: ListOptions = {}) {
      const found = await store.list<T>(space, {
        ...rest,
        prefix: prefix + (rest.prefix ?? ''),
        ...(after === undefined ? {} : { after: prefix + after }),
      });
      return found.map(bare);
    },
    commit: (ops) => store.commit(ops.map((op) => ({ ...op, key: keyOf(op.key) }))),
    sweep: async () => 0,
    close: async () => undefined,
  };
}
