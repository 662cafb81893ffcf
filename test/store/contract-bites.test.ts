import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/index.ts';
import { storeContract } from '../../src/store/checks/index.ts';
import { createMemoryStore, type Store } from '../../src/store/index.ts';

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** The memory store with one thing wrong in it. */
const FLAWS: Readonly<Record<string, (store: Store, clock: Clock) => Partial<Store>>> = {
  'writes before it looks at what is expected': (store) => ({
    async commit(ops) {
      for (const { expect: _, ...op } of ops) await store.commit([op]);
      return await store.commit(ops);
    },
  }),
  'looks, then writes': (store) => ({
    async commit(ops) {
      const versions = await Promise.all(ops.map(async (op) => (await store.get(op.space, op.key))?.version ?? 0));
      await later();
      if (ops.some(({ expect }, i) => expect !== undefined && expect !== versions[i])) return false;
      return await store.commit(ops.map(({ expect: _, ...op }) => op));
    },
  }),
  'commits one operation after the other': (store) => ({
    async commit(ops) {
      for (const op of ops) {
        if (!(await store.commit([op]))) return false;
        await later();
      }
      return true;
    },
  }),
  'sorts by UTF-16': (store) => ({
    async list<T>(space: string, options = {}) {
      return (await store.list<T>(space, options)).sort((a, b) => (a.key < b.key ? -1 : 1));
    },
  }),
  'sorts as people do': (store) => ({
    async list<T>(space: string, options = {}) {
      return (await store.list<T>(space, options)).sort((a, b) => a.key.localeCompare(b.key));
    },
  }),
  'pages one record twice': (store) => ({
    list: (space, { after, ...options } = {}) =>
      store.list(space, after === undefined ? options : { ...options, after: after.slice(0, -1) }),
  }),
  'sweeps what is alive': (store) => ({
    async sweep() {
      const all = await store.list('s');
      return (await store.commit(all.slice(0, 1).map(({ key }) => ({ space: 's', key, delete: true })))) ? 1 : 0;
    },
  }),
  'never sweeps': () => ({ sweep: async () => 0 }),
  'sweeps everything at once': (store) => ({ sweep: () => store.sweep(1e9) }),
  'counts versions anew': (store) => ({
    async get<T>(space: string, key: string) {
      const entry = await store.get<T>(space, key);
      return entry === undefined ? undefined : { ...entry, version: 1 };
    },
  }),
  'forgets conditions': (store) => ({
    commit: (ops) => store.commit(ops.filter((op) => op.put !== undefined || op.delete !== undefined)),
  }),
  'serves what has expired until it is swept': (_, clock) => {
    const frozen = createMemoryStore({ now: () => Math.min(clock.now(), 1_000) });
    return frozen;
  },
  'takes any name': (store) => ({
    commit: (ops) => store.commit(ops.map((op) => ({ ...op, key: op.key.slice(0, 512) || '-' }))),
  }),
};

for (const [flaw, spoil] of Object.entries(FLAWS)) {
  test(`the contract finds a store that ${flaw}`, async () => {
    const found: string[] = [];
    for (const { name, run } of storeContract) {
      const open = async (clock: Clock) => {
        const store = createMemoryStore(clock);
        return { store: { ...store, ...spoil(store, clock) } };
      };
      await run(open).catch(() => found.push(name));
    }
    assert.notDeepEqual(found, []);
  });
}
