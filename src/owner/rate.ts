import type { Clock } from '../base/index.ts';

const WINDOW_MS = 30_000;

/** How fast machines end, by the last half minute. */
export interface Rate {
  add(): void;
  /** Machines a second; 0 before there is anything to tell from. */
  perSecond(): number;
  /** Milliseconds for so many more; undefined when nothing moves. */
  eta(left: number): number | undefined;
}

export function createRate(clock: Clock): Rate {
  const startedAt = clock.now();
  const ends: number[] = [];
  function perSecond(): number {
    const now = clock.now();
    while (ends[0] !== undefined && ends[0] < now - WINDOW_MS) ends.shift();
    const seconds = Math.min(WINDOW_MS, now - startedAt) / 1000;
    return seconds <= 0 ? 0 : ends.length / seconds;
  }
  return {
    add: () => void ends.push(clock.now()),
    perSecond,
    eta(left) {
      const rate = perSecond();
      return rate === 0 ? undefined : (left / rate) * 1000;
    },
  };
}
