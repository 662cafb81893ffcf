import { type Backoff, backoffMs, type Clock, type Random } from '../base/index.ts';
import { OperatorBusy, type OperatorClient } from './operator-client.ts';
import { type Patience, rest } from './patience.ts';

export interface GateOptions {
  /** Requests under way at once. */
  parallel: number;
  /** Pauses after the operator asked for less. */
  pause: Backoff;
  clock: Clock;
  random: Random;
  signal?: AbortSignal | undefined;
}

/** One operator's share of our load: so many requests at once, and a common pause when it asks for less. */
export interface Gate {
  through<T>(work: () => Promise<T>): Promise<T>;
}

export function createGate(options: GateOptions): Gate {
  const { parallel, clock, random, signal } = options;
  const patience: Patience = { wallClock: clock, random, pace: { firstMs: 0, longestMs: 0 }, signal };
  const waiting: (() => void)[] = [];
  let inside = 0;
  let pausedUntil = 0;
  /** Refusals for load in a row. */
  let strikes = 0;

  async function enter(): Promise<void> {
    if (inside < parallel) inside++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  }

  function leave(): void {
    const next = waiting.shift();
    // Who leaves hands over the place.
    if (next === undefined) inside--;
    else next();
  }

  function slowDown(error: OperatorBusy): void {
    // Many were under way when it began: only the first of them counts.
    if (clock.now() < pausedUntil) return;
    strikes++;
    const pauseMs = backoffMs(strikes, random, options.pause);
    pausedUntil = clock.now() + Math.max(pauseMs, Math.min(error.retryAfterMs ?? 0, options.pause.longestMs));
  }

  return {
    async through(work) {
      await enter();
      try {
        for (let wait = pausedUntil - clock.now(); wait > 0; wait = pausedUntil - clock.now())
          await rest(patience, wait);
        const result = await work();
        strikes = 0;
        return result;
      } catch (error) {
        if (error instanceof OperatorBusy) slowDown(error);
        throw error;
      } finally {
        leave();
      }
    },
  };
}

/** The same operator, every request of it through `gate`; its signing keys are asked for once in `keysForMs`. */
export function gated(client: OperatorClient, gate: Gate, clock: Clock, keysForMs: number): OperatorClient {
  let keys: { until: number; value: ReturnType<OperatorClient['signingKeys']> } | undefined;
  const ask = (): ReturnType<OperatorClient['signingKeys']> => gate.through(() => client.signingKeys());
  return {
    signingKeys() {
      if (keys === undefined || keys.until < clock.now()) {
        const value = ask();
        const mine = { until: clock.now() + keysForMs, value };
        keys = mine;
        // A failure is nobody's answer but the one's who asked.
        value.catch(() => {
          if (keys === mine) keys = undefined;
        });
      }
      return keys.value;
    },
    release: (wish) => gate.through(() => client.release(wish)),
    consent: (serial, signature) => gate.through(() => client.consent(serial, signature)),
    recall: (serial) => gate.through(() => client.recall(serial)),
    releaseState: (serial) => gate.through(() => client.releaseState(serial)),
    order: (wish) => gate.through(() => client.order(wish)),
    orderState: (orderId) => gate.through(() => client.orderState(orderId)),
    close: () => client.close(),
  };
}
