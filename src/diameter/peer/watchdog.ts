import type { Random } from '../../base/index.ts';

/** How far a connection can be trusted (RFC 3539 3.4.1): `reopening` and `suspect` ones serve only when there is no better. */
export type LinkStatus = 'okay' | 'suspect' | 'reopening';

/** What the timer asks for. */
export type WatchdogOrder = 'none' | 'send' | 'close';

export interface Watchdog {
  readonly status: LinkStatus;
  deadline(): number;
  /** A message came; `dwa` when it was the answer to a watchdog. */
  received(dwa: boolean, now: number): void;
  tick(now: number): WatchdogOrder;
}

/** Answers that a link must give after it had been lost. */
const PROOFS = 3;
const JITTER_MS = 2_000;

/**
 * The watchdog of one open connection. `first` is false when the peer had been lost before: then it has to answer three
 * times until it is trusted, beginning at once.
 */
export function createWatchdog(twMs: number, random: Random, first: boolean, now: number): Watchdog {
  let status: LinkStatus = first ? 'okay' : 'reopening';
  /** A DWR waits for its answer. */
  let pending = false;
  let answers = 0;
  let timer = first ? next(now) : now;

  /** Tw with -2 to +2 s, so that many links do not beat together. */
  function next(at: number): number {
    const jitter = (random.bytes(2).readUInt16BE() / 0xffff) * 2 - 1;
    return at + twMs + Math.round(jitter * Math.min(JITTER_MS, twMs / 4));
  }

  return {
    get status() {
      return status;
    },
    deadline: () => timer,
    received(dwa, at) {
      if (dwa) pending = false;
      if (status === 'reopening') {
        if (!dwa) return;
        answers = Math.max(answers, 0) + 1;
        if (answers < PROOFS) return;
      }
      status = 'okay';
      timer = next(at);
    },
    tick(at) {
      if (at < timer) return 'none';
      if (!pending) {
        pending = true;
        timer = next(at);
        return 'send';
      }
      if (status === 'suspect' || (status === 'reopening' && answers < 0)) return 'close';
      if (status === 'reopening') answers = -1;
      else status = 'suspect';
      timer = next(at);
      return 'none';
    },
  };
}
