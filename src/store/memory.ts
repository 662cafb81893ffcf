import type { Clock } from '../base/index.ts';
import type { Entry, ListOptions, Op, Store } from './contract.ts';
import { applyOp, compareKeys, expectationsHold, isLive, prepareOps, type Stored, toEntry } from './record.ts';

/** Everything in this process's memory: for tests and short-lived labs. Nothing survives the process. */
export function createMemoryStore(clock: Clock): Store {
  const spaces = new Map<string, Map<string, Stored>>();
  const spaceOf = (name: string): Map<string, Stored> => {
    const known = spaces.get(name) ?? new Map<string, Stored>();
    spaces.set(name, known);
    return known;
  };
  const live = (space: string, key: string, now: number): Stored | undefined => {
    const stored = spaces.get(space)?.get(key);
    return isLive(stored, now) ? stored : undefined;
  };

  return {
    async get<T>(space: string, key: string): Promise<Entry<T> | undefined> {
      const stored = live(space, key, clock.now());
      return stored === undefined ? undefined : toEntry<T>(key, stored);
    },
    async list<T>(space: string, { prefix = '', after, limit = Number.POSITIVE_INFINITY }: ListOptions = {}) {
      const now = clock.now();
      const found: Entry<T>[] = [];
      for (const key of [...(spaces.get(space)?.keys() ?? [])].sort(compareKeys)) {
        if (found.length >= limit) break;
        if (!key.startsWith(prefix) || (after !== undefined && compareKeys(key, after) <= 0)) continue;
        const stored = live(space, key, now);
        if (stored !== undefined) found.push(toEntry<T>(key, stored));
      }
      return found;
    },
    async commit(ops: readonly Op[]) {
      const now = clock.now();
      const writes = prepareOps(ops);
      if (!expectationsHold(writes, (op) => live(op.space, op.key, now)?.version ?? 0)) return false;
      for (const op of writes) {
        const next = applyOp(op, live(op.space, op.key, now));
        if (next === undefined) spaceOf(op.space).delete(op.key);
        else spaceOf(op.space).set(op.key, next);
      }
      return true;
    },
    async sweep() {
      const now = clock.now();
      let removed = 0;
      for (const space of spaces.values()) {
        for (const [key, stored] of space) {
          if (!isLive(stored, now) && space.delete(key)) removed++;
        }
      }
      return removed;
    },
    async close() {},
  };
}
