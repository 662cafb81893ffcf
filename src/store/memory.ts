import type { Clock } from '../base/index.ts';
import type { Entry, ListOptions, Op, Store } from './contract.ts';
import {
  compareKeys,
  expectationsHold,
  foldOps,
  isKey,
  isLive,
  type Stored,
  SWEEP_LIMIT,
  toEntry,
  toStored,
} from './record.ts';

/** Everything in this process's memory: for tests and short-lived labs. Nothing survives the process. */
export function createMemoryStore(clock: Clock): Store {
  const spaces = new Map<string, Map<string, Stored>>();
  let lastVersion = 0;
  let round: Iterator<[Map<string, Stored>, string, Stored]> | undefined;
  const spaceOf = (name: string): Map<string, Stored> => {
    const known = spaces.get(name) ?? new Map<string, Stored>();
    spaces.set(name, known);
    return known;
  };
  const live = (space: string, key: string, now: number): Stored | undefined => {
    const stored = spaces.get(space)?.get(key);
    return isLive(stored, now) ? stored : undefined;
  };
  /** Goes on where it stopped, whatever was written meanwhile. */
  function* everything(): Generator<[Map<string, Stored>, string, Stored]> {
    for (const space of spaces.values()) {
      for (const [key, stored] of space) yield [space, key, stored];
    }
  }

  return {
    async get<T>(space: string, key: string): Promise<Entry<T> | undefined> {
      const stored = live(space, key, clock.now());
      return stored === undefined ? undefined : toEntry<T>(key, stored);
    },
    async list<T>(space: string, { prefix = '', after, limit = Number.POSITIVE_INFINITY }: ListOptions = {}) {
      const now = clock.now();
      const found: Entry<T>[] = [];
      // Half a surrogate pair begins many a JavaScript string, but no key.
      if (prefix !== '' && !isKey(prefix)) return found;
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
      const changes = foldOps(ops);
      if (changes === undefined) return false;
      if (!expectationsHold(changes, ({ space, key }) => live(space, key, now)?.version ?? 0)) return false;
      for (const { space, key, json, expiresAt, ...change } of changes) {
        if (change.delete === true) spaces.get(space)?.delete(key);
        else if (json !== undefined) spaceOf(space).set(key, toStored(json, ++lastVersion, expiresAt));
      }
      return true;
    },
    async sweep(limit = SWEEP_LIMIT) {
      const now = clock.now();
      let removed = 0;
      // A round that ends begins anew once, so that few records are looked at in one call wherever the last one stopped.
      let begun = 0;
      for (let seen = 0; seen < limit; ) {
        if (round === undefined && begun++ > 0) break;
        round ??= everything();
        const next = round.next();
        if (next.done === true) {
          round = undefined;
          continue;
        }
        seen++;
        const [space, key, stored] = next.value;
        if (!isLive(stored, now) && space.delete(key)) removed++;
      }
      return removed;
    },
    async close() {},
  };
}
