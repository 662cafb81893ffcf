import { GbaError, systemClock } from '../../src/base/index.ts';
import { createMemoryStore, type Store } from '../../src/store/index.ts';

/** A store that, while `silent`, does what it is asked to and does not say so. */
export function silentStore(): Store & { silent: boolean } {
  const memory = createMemoryStore(systemClock);
  const store = {
    ...memory,
    silent: false,
    async commit(ops: Parameters<Store['commit']>[0]) {
      const done = await memory.commit(ops);
      if (store.silent) throw new GbaError('store-unavailable', 'no answer', { retryable: true });
      return done;
    },
  };
  return store;
}
