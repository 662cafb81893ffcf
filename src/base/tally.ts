import type { Clock } from './environment.ts';
import type { Log } from './log.ts';

const EVERY_MS = 10_000;

/** Counts what is refused in masses: one line in the log at once, then one every ten seconds with the counts since. */
export interface Tally {
  add(what: string): void;
  /** The line that is still due. */
  flush(): void;
}

export function createTally(log: Log, event: string, clock: Clock, fields: Record<string, string> = {}): Tally {
  let counts: Record<string, number> = {};
  let saidAt = Number.NEGATIVE_INFINITY;
  function flush(): void {
    if (Object.keys(counts).length === 0) return;
    log.warn(event, { ...fields, ...counts });
    counts = {};
    saidAt = clock.now();
  }
  return {
    add(what) {
      counts[what] = (counts[what] ?? 0) + 1;
      const since = clock.now() - saidAt;
      if (since < 0 || since >= EVERY_MS) flush();
    },
    flush,
  };
}
