import { codeOf, type Log } from '../base/index.ts';
import type { Store } from './contract.ts';

const CALM_MS = 2_000;
const BUSY_MS = 10;
const FAILED_MS = 60_000;
/** A sweep that finds so many is followed by the next one soon. */
const MANY = 50;

export interface Sweeper {
  /** No sweep runs any more when this resolves. */
  stop(): Promise<void>;
}

/** Removes expired records a bounded piece at a time, more often when there are many, without keeping the process alive. */
export function startSweeper(store: Store, log: Log): Sweeper {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  const next = (ms: number): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      running = turn();
    }, ms);
    timer.unref();
  };
  async function turn(): Promise<void> {
    try {
      next((await store.sweep()) >= MANY ? BUSY_MS : CALM_MS);
    } catch (error) {
      if (!stopped) log.error('sweep-failed', { code: codeOf(error) });
      next(FAILED_MS);
    }
  }

  next(CALM_MS);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
