import {
  type Backoff,
  backoffMs,
  type Cancel,
  type Clock,
  codeOf,
  type Log,
  type Random,
  RETRY,
  systemTimers,
  type Timers,
} from '../base/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';

export const OUTBOX = 'outbox';
/** How many messages to one receiver are under way at once. */
const PARALLEL = 16;
/** How long a closing outbox waits for answers. */
const CUT_MS = 1_000;

/** A message that must arrive: `id` is its idempotency key and its place in the store. */
export interface OutboxMessage {
  id: string;
  /** Name of the receiver, for the deliverer to resolve. */
  to: string;
  method: string;
  path: string;
  json?: unknown;
  /** Body octets in base64. */
  bytes?: string;
}

interface Queued extends OutboxMessage {
  attempts: number;
  /** Milliseconds since 1970; not tried before. */
  dueAt: number;
}

/** The write that makes `message` due at once; goes into the same commit as the state change that needs it. */
export function enqueue(message: OutboxMessage): Op {
  const queued: Queued = { ...message, attempts: 0, dueAt: 0 };
  return { space: OUTBOX, key: message.id, put: queued };
}

/** The write that takes a message back. */
export function dequeue(id: string): Op {
  return { space: OUTBOX, key: id, delete: true };
}

/** The check that no message `id` waits: for a commit that must not overtake it. */
export function notQueued(id: string): Op {
  return { space: OUTBOX, key: id, expect: 0 };
}

/** How often a message that still waits has been tried, and when it will be next (milliseconds since 1970; 0: now). */
export async function queued(store: Store, id: string): Promise<{ attempts: number; dueAt: number } | undefined> {
  return (await store.get<Queued>(OUTBOX, id))?.value;
}

export type Delivery = 'done' | 'retry' | 'drop';

export interface OutboxOptions {
  store: Store;
  clock: Clock;
  random: Random;
  timers?: Timers | undefined;
  log: Log;
  /** `done` and `drop` end the message; `retry`, or a throw, tries again later. */
  deliver(message: OutboxMessage): Promise<Delivery>;
  backoff?: Backoff;
}

export interface Outbox {
  /** Something was enqueued: try at once, without waiting for the answer. */
  kick(): void;
  /** Tries all that is due now and waits for the answers. */
  flush(): Promise<void>;
  /**
   * Stops trying; what is queued stays queued. Attempts under way may end; `cut` is called when they take long, and should make
   * them end (by closing the clients they wait on).
   */
  close(cut?: () => void): Promise<void>;
}

/**
 * Sends every queued message until it is answered; survives restarts because the queue is in the store. A receiver that
 * does not answer holds up its own messages only.
 */
export function createOutbox(options: OutboxOptions): Outbox {
  const { store, clock, random, timers = systemTimers, log, deliver, backoff = RETRY.outbox } = options;
  /** Attempts that have no answer yet, by message id. */
  const underway = new Map<string, { to: string; ended: Promise<void> }>();
  let looking: Promise<void> | undefined;
  let again = false;
  let closed = false;
  let cancelLook: Cancel | undefined;
  /** Failures of the store in a row. */
  let strikes = 0;

  async function attempt({ key, value, version }: Entry<Queued>): Promise<void> {
    let delivery: Delivery = 'retry';
    try {
      delivery = await deliver(value);
    } catch (error) {
      log.warn('outbox-attempt-failed', { id: key, to: value.to, code: codeOf(error) });
    }
    if (delivery === 'drop') log.warn('outbox-dropped', { id: key, to: value.to });
    const attempts = value.attempts + 1;
    const dueAt = clock.now() + backoffMs(attempts, random, backoff);
    const after = delivery === 'retry' ? { put: { ...value, attempts, dueAt } } : { delete: true as const };
    // Only this very message: one enqueued anew under the same id meanwhile stays.
    await store.commit([{ space: OUTBOX, key, expect: version, ...after }]);
  }

  function start(entry: Entry<Queued>): void {
    const end = () => underway.delete(entry.key);
    const ended = attempt(entry).then(
      () => {
        strikes = 0;
        end();
        kick();
      },
      (error: unknown) => {
        end();
        storeFailed(error);
      },
    );
    underway.set(entry.key, { to: entry.value.to, ended });
  }

  /** Starts what is due; says when the next message will be. */
  async function look(): Promise<void> {
    const entries = await store.list<Queued>(OUTBOX);
    let wait: number = backoff.longestMs;
    for (const entry of entries) {
      if (closed) return;
      if (underway.has(entry.key)) continue;
      const ms = waitOf(entry.value);
      if (ms > 0) wait = Math.min(wait, ms);
      else if (underwayTo(entry.value.to) < PARALLEL) start(entry);
    }
    // While something is under way, whether the store takes writes again is not known yet.
    if (underway.size === 0) strikes = 0;
    // Also when nothing waits: what another process, or a commit without an answer, has put here is kicked by nobody.
    lookAgainIn(wait);
  }

  function underwayTo(to: string): number {
    let count = 0;
    for (const one of underway.values()) if (one.to === to) count++;
    return count;
  }

  /** Milliseconds until a message is due; one further away than any wait is due now: the clock has been set back. */
  function waitOf(message: Queued): number {
    const wait = message.dueAt - clock.now();
    return wait <= 0 || wait > backoff.longestMs ? 0 : wait;
  }

  function lookAgainIn(ms: number): void {
    cancelLook?.();
    if (!closed) cancelLook = timers.after(Math.max(10, ms), kick);
  }

  /** Not a peer but the store: what is queued must still be tried without anyone's kick, and not in a tight circle. */
  function storeFailed(error: unknown): void {
    log.error('outbox-failed', { code: codeOf(error) });
    strikes++;
    lookAgainIn(backoffMs(strikes, random, backoff));
  }

  function run(): Promise<void> {
    if (looking !== undefined) {
      again = true;
      return looking;
    }
    const lookUntilQuiet = async (): Promise<void> => {
      do {
        again = false;
        await look();
      } while (again && !closed);
    };
    looking = lookUntilQuiet()
      .catch(storeFailed)
      .finally(() => {
        looking = undefined;
        // A kick that came between the last look and this moment must not wait for the timer.
        if (again && !closed) kick();
      });
    return looking;
  }

  function kick(): void {
    if (!closed) void run();
  }

  const answers = (to = underway): Promise<unknown> => Promise.all([...to.values()].map((one) => one.ended));

  return {
    kick,
    async flush() {
      if (closed) return;
      const tried = new Set<string>();
      for (;;) {
        await run();
        // Each message once, also those that an answer made due.
        const fresh = new Map([...underway].filter(([id]) => !tried.has(id)));
        if (fresh.size === 0) return;
        for (const id of fresh.keys()) tried.add(id);
        await answers(fresh);
      }
    },
    async close(cut = () => {}) {
      closed = true;
      cancelLook?.();
      const cancelCut = timers.after(CUT_MS, cut);
      await looking;
      await answers();
      cancelCut();
    },
  };
}
