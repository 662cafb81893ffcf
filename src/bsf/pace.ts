import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../base/index.ts';

const SAMPLES = 32;
const LONGEST_MS = 1_000;

/**
 * An identity without a vector costs no vector and no durable write, and a stopwatch would tell it from a known one. So
 * its answer waits until it has taken as long as one of the latest real ones did.
 */
export interface Pace {
  /** The stopwatch of a request: call `took` when it got a real challenge, await `match` when it gets one of no use. */
  start(): { took(): void; match(): Promise<void> };
}

export interface Stopwatch {
  now(): number;
  wait(ms: number): Promise<void>;
}

/** Real time, whatever the function's clock says: what counts is what a stranger can measure. */
const realTime: Stopwatch = { now: () => performance.now(), wait: (ms) => delay(ms) };

export function createPace(random: Random, time: Stopwatch = realTime): Pace {
  const samples: number[] = [];
  let next = 0;
  return {
    start() {
      const started = time.now();
      return {
        took() {
          samples[next] = time.now() - started;
          next = (next + 1) % SAMPLES;
        },
        async match() {
          if (samples.length === 0) return;
          const sample = samples[random.bytes(1).readUInt8() % samples.length] ?? 0;
          const rest = Math.floor(Math.min(sample, LONGEST_MS) - (time.now() - started));
          if (rest >= 1) await time.wait(rest);
        },
      };
    },
  };
}
