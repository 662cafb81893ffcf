import { backoffMs, type Clock, codeOf, GbaError, type Random, RETRY, spreadMs } from '../base/index.ts';

/** When the machine looks for work again. `setbacks`: polls in a row that went wrong and brought nothing forward. */
export function nextPollMs(pollMs: number, setbacks: number, random: Random): number {
  if (setbacks === 0) return spreadMs(pollMs, random);
  return backoffMs(setbacks + 1, random, { firstMs: pollMs, longestMs: pollMs * RETRY.pollTimes });
}

/** Failures of Ub that cost the HSS a vector, or the card a computation: the network is wrong, not away. */
const COSTLY = [
  'ub-mac-failure',
  'ub-sync-failure',
  'ub-refused',
  'ub-rspauth-invalid',
  'ub-btid-mismatch',
  'ub-body-invalid',
];

/**
 * Bootstrapping that does not run in circles: after a costly failure the next run waits, longer each time, whoever wants it.
 * Within a run there is one resynchronisation. Throws `bootstrap-paused` (retryable) while it waits.
 */
export function paceBootstrap<T>(
  run: () => Promise<T>,
  { pollMs, clock, random }: { pollMs: number; clock: Clock; random: Random },
): () => Promise<T> {
  const backoff = { firstMs: pollMs, longestMs: pollMs * RETRY.bootstrapTimes };
  let failures = 0;
  let failedAt = 0;
  let waitMs = 0;
  return async () => {
    const since = clock.now() - failedAt;
    // A clock that was set back measures nothing.
    if (since >= 0 && since < waitMs) {
      throw new GbaError('bootstrap-paused', 'the last bootstrappings failed: not again so soon', { retryable: true });
    }
    try {
      const result = await run();
      failures = 0;
      waitMs = 0;
      return result;
    } catch (error) {
      if (COSTLY.includes(codeOf(error))) {
        failures++;
        failedAt = clock.now();
        waitMs = backoffMs(failures, random, backoff);
      }
      throw error;
    }
  };
}
