import type { Clock } from '../base/index.ts';

/** A clock that can be set forward: a day passes for every party of a lab at once. */
export interface LabClock extends Clock {
  /** Milliseconds. */
  advance(ms: number): void;
}

export function createLabClock(base: Clock): LabClock {
  let ahead = 0;
  return {
    now: () => base.now() + ahead,
    advance(ms) {
      ahead += ms;
    },
  };
}
