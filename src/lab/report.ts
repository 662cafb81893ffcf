import type { StepEvent } from '../flow/index.ts';
import type { ChangeResult } from './change.ts';

const TITLES: Readonly<Record<number, string>> = {
  0: 'bootstrap, release',
  1: 'order',
  2: 'instruction',
  3: 'ask for validation',
  4: 'measure',
  5: 'validation result',
  6: 'deliver package',
  7: 'download, check, open',
  8: 'discard old credentials',
  9: 'unregister',
  10: 'let go, acknowledge',
  11: 'relay acknowledgement',
  12: 'release, activate',
  13: 'report result',
  14: 'register',
};

/** One line of the live view: step, milliseconds since the start, who -> whom, what, key id. */
export function stepLine(event: StepEvent, ms: number): string {
  const who = event.to === undefined ? event.party : `${event.party} -> ${event.to}`;
  const key = event.keyId === undefined ? '' : `  key ${event.keyId}`;
  const step = String(event.step).padStart(2);
  const title = (TITLES[event.step] ?? '').padEnd(24);
  return `${step}  ${ms.toFixed(0).padStart(6)} ms  ${title}${who.padEnd(34)}${event.what}${key}`;
}

/** Which of the steps 1 to 14 have been seen. */
export function missingSteps(events: readonly StepEvent[]): number[] {
  const seen = new Set(events.map((event) => event.step));
  return Object.keys(TITLES)
    .map(Number)
    .filter((step) => step > 0 && !seen.has(step));
}

export function summaryLine(result: ChangeResult): string {
  if (result.state === 'done') {
    return `${result.m2meId}: done in ${result.ms} ms; now with ${result.operator}, bootstrapped at ${result.bootstrappedAt}`;
  }
  if (result.state === 'active') {
    const { operator, bootstrappedAt, reason } = result;
    return `${result.m2meId}: works with ${operator} after ${result.ms} ms, bootstrapped at ${bootstrappedAt}; ${reason}`;
  }
  return `${result.m2meId}: ${result.state} after ${result.ms} ms: ${result.reason}`;
}
