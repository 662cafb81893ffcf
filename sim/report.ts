import type { RunResult } from './run.ts';
import { START } from './setting.ts';

/** Lines of a trace that are shown: the last ones tell what happened. */
const SHOWN = 60;

/** A failed run for people: which rule, after which faults, and the story with the numbers of its events. */
export function storyOf(result: RunResult, all = false): string {
  const lines = all ? result.trace : result.trace.slice(-SHOWN);
  const left = result.trace.length - lines.length;
  const rules = result.violations.map(({ rule, what }) => `  ${rule}: ${what}`);
  const story = lines.map(({ step, at, text }) => `${String(step).padStart(6)} ${clockOf(at)} ${text}`);
  return [
    `seed ${result.seed}: ${result.violations.length === 0 ? 'every rule held' : 'a rule did not hold'}`,
    ...rules,
    `  ${result.faults.length} faults, ${result.steps} events; ends: ${result.ends.join(', ')}`,
    ...(left > 0 ? [`  (${left} earlier lines: --trace shows them)`] : []),
    ...story,
  ].join('\n');
}

function clockOf(ms: number): string {
  return new Date(START + ms).toISOString().slice(8, 23).replace('T', ' ');
}
