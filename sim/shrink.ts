import { type RunResult, runSeed } from './run.ts';
import type { Setting } from './setting.ts';

/** Runs that the search for a shorter story may take. */
const MOST_RUNS = 120;

/**
 * The same seed with as few faults as still break the same rule: whole pieces of the list are left out, ever smaller ones,
 * as long as the rule stays broken.
 */
export async function shrink(setting: Setting, failed: RunResult): Promise<RunResult> {
  const rule = failed.violations[0]?.rule;
  let best = failed;
  let runs = 0;
  const without = async (piece: ReadonlySet<string>): Promise<boolean> => {
    runs++;
    const kept = new Set(best.faults.map(({ key }) => key).filter((key) => !piece.has(key)));
    const result = await runSeed(setting, failed.seed, { keep: (key) => kept.has(key) });
    if (result.violations[0]?.rule !== rule || result.faults.length >= best.faults.length) return false;
    best = result;
    return true;
  };
  for (let size = Math.ceil(best.faults.length / 2); size >= 1 && runs < MOST_RUNS; size = size >> 1) {
    for (let from = 0; from < best.faults.length && runs < MOST_RUNS; ) {
      const piece = new Set(best.faults.slice(from, from + size).map(({ key }) => key));
      if (!(await without(piece))) from += size;
    }
  }
  return best;
}
