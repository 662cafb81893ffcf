import { boundedJump, globalCount, type SqnGenerator } from './sqn-home.ts';

/** Vectors of one subscriber that may have been made since a backup, beyond one in each 0.1 s. */
export const RESTORE_MARGIN = 2 ** 24;

/**
 * The generator out of a backup, so that it gives no number that the lost HSS may have given since: SEQ goes on 2^24, and one
 * for each 0.1 s that has passed, above the number in the backup (one that follows the clock passes that time by itself). A
 * jump is always less than half of what a card takes (TS 33.102 C.2.1, C.3), so it also takes the number after a second
 * restoration. Should the lost HSS have gone further, by an AUTS from this card for one, the card's SQN_MS is higher: it says
 * so by AUTS (6.3.5), and is answered 2^24 above what it says.
 */
export function restoredSqn(generator: SqnGenerator, times: { madeAt: number; restoredAt: number }): SqnGenerator {
  const { indBits } = generator;
  if (generator.scheme === 'counter') {
    const passed = Math.max(0, globalCount(times.restoredAt) + 1 - globalCount(times.madeAt));
    const seq = generator.seq + boundedJump(RESTORE_MARGIN + passed, generator.seq, indBits);
    return { ...generator, seq, margin: RESTORE_MARGIN };
  }
  const now = Math.max(globalCount(times.restoredAt) + generator.dif, generator.last);
  const last = now + boundedJump(RESTORE_MARGIN, now, indBits);
  return { ...generator, dif: last + 1 - globalCount(times.restoredAt), last, margin: RESTORE_MARGIN };
}
