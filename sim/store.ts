import { GbaError } from '../src/base/index.ts';
import { createMemoryStore, type Op, type Store } from '../src/store/index.ts';
import type { Faults } from './faults.ts';
import { type Kernel, type Life, never } from './kernel.ts';

/** Spaces whose records are shown as they were, too. */
const COMPARED = ['release', 'order', 'delivery', 'registration', 'm2me-change'];

/** What the checks see of a write. */
export interface Written {
  party: string;
  space: string;
  key: string;
  /** Of the spaces where what changed matters. */
  before: unknown;
  after: unknown;
}

/** The disk of one party: it outlives its processes. What a commit has not yet promised may be lost, or may be there. */
export interface SimStore {
  durable: Store;
  /** The store as one life of the party sees it. */
  open(life: Life): Store;
}

export function createSimStore(kernel: Kernel, faults: Faults, onWrite: (written: Written) => void): SimStore {
  const durable = createMemoryStore({ now: () => kernel.now });

  async function apply(party: string, ops: readonly Op[]): Promise<boolean> {
    const looked = await Promise.all(
      ops.map(({ space, key }) => (COMPARED.includes(space) ? durable.get(space, key) : undefined)),
    );
    const done = await durable.commit(ops);
    if (!done) return false;
    for (const [i, op] of ops.entries()) {
      if (op.put === undefined && op.delete !== true) continue;
      onWrite({ party, space: op.space, key: op.key, before: looked[i]?.value, after: op.put });
    }
    return true;
  }

  return {
    durable,
    open: (life) => ({
      get: (space, key) => (life.alive ? durable.get(space, key) : never()),
      list: (space, options) => (life.alive ? durable.list(space, options) : never()),
      sweep: (limit) => durable.sweep(limit),
      close: async () => undefined,
      commit(ops) {
        if (!life.alive) return never();
        const name = `${life.name}/${life.number} commit ${life.count('commit')}`;
        return new Promise((resolve, reject) => {
          if (faults.kills(life, `${name} before`)) return;
          const trouble = faults.storeTrouble(name);
          kernel.after(faults.syncMs(name), () => {
            if (!life.alive || trouble === 'not-written') {
              if (life.alive) reject(new GbaError('store-unavailable', 'simulated', { retryable: true }));
              return;
            }
            void apply(life.name, ops).then((done) => {
              if (faults.kills(life, `${name} after`)) return;
              if (trouble === undefined) resolve(done);
              else reject(new GbaError('store-unavailable', 'simulated', { retryable: true }));
            });
          });
        });
      },
    }),
  };
}
