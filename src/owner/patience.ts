import { type Backoff, backoffMs, type Clock, GbaError, type Random, type Timers } from '../base/index.ts';

export interface Patience {
  /** Measures durations: need not be the clock of the parties. */
  wallClock: Clock;
  random: Random;
  timers?: Timers;
  /** Between tries of one step, and between looks. */
  pace: Backoff;
  signal?: AbortSignal | undefined;
}

/** Throws `interrupted` when told to stop. */
export async function rest({ signal, timers = processTimers }: Patience, ms: number): Promise<void> {
  if (signal?.aborted === true) throw interrupted();
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(interrupted());
    };
    const cancel = timers.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Whoever rests between two tries has nothing else that keeps the process alive. */
const processTimers: Timers = {
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

const interrupted = (): GbaError => new GbaError('interrupted', 'told to stop', { retryable: true });

/** Repeats what only time can mend (retryable errors), with jitter, ever more seldom; the last error when time is over. */
export async function patiently<T>(patience: Patience, until: number, work: () => Promise<T>): Promise<T> {
  const { wallClock, random, pace, signal } = patience;
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted === true) throw interrupted();
    try {
      return await work();
    } catch (error) {
      const passing = error instanceof GbaError && error.retryable && error.code !== 'interrupted';
      if (!passing || wallClock.now() > until) throw error;
    }
    await rest(patience, backoffMs(attempt, random, pace));
  }
}
