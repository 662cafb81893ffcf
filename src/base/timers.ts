/** Takes back what was set; doing so twice, or after it rang, does no harm. */
export type Cancel = () => void;

/** Waiting as a port, beside `Clock`: a simulation owns it, a process uses its event loop. */
export interface Timers {
  /** Calls `act` once, `ms` milliseconds from now. A timer alone keeps no process alive. */
  after(ms: number, act: () => void): Cancel;
}

export const systemTimers: Timers = {
  after(ms, act) {
    const timer = setTimeout(act, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Calls `act` every `ms` milliseconds, the first time after the first of them. */
export function every(timers: Timers, ms: number, act: () => void): Cancel {
  let cancel = timers.after(ms, again);
  function again(): void {
    cancel = timers.after(ms, again);
    act();
  }
  return () => cancel();
}
