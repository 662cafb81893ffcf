import pc from 'picocolors';
import type { OrderLook, StepView } from '../owner/index.ts';

const MARK = { done: pc.green('x'), waiting: pc.yellow('>'), open: ' ' } as const;

const stepText = ({ step, who, what, state, at }: StepView): string =>
  `[${MARK[state]}] ${String(step).padStart(2)}  ${who.padEnd(12)}  ${what}${at === undefined ? '' : `  ${pc.dim(at)}`}`;

const OUTCOME = {
  'under-way': 'under way',
  done: 'done',
  refused: 'refused, all is as before',
  returned: 'given back, all is as before',
  failed: 'not ended well',
} as const;

/** A look at an order for people: the steps, then what is waited for. */
export function orderLines(look: OrderLook): string[] {
  return [headline(look), ...look.steps.map((step) => `  ${stepText(step)}`), ...notes(look)];
}

/** Only what has changed since the look before. */
export function changedLines(before: OrderLook, now: OrderLook): string[] {
  const moved = now.steps.filter((step, i) => step.state === 'done' && before.steps[i]?.state !== 'done');
  const noted = notes(before);
  return [
    ...moved.map((step) => `  ${stepText(step)}`),
    ...notes(now).filter((note) => !noted.includes(note)),
    ...(before.outcome === now.outcome ? [] : [headline(now)]),
  ];
}

function headline({ m2meId, outcome, reason }: OrderLook): string {
  const colour = outcome === 'done' ? pc.green : outcome === 'under-way' ? pc.yellow : pc.red;
  return `${m2meId}: ${colour(OUTCOME[outcome])}${reason === undefined ? '' : `: ${reason}`}`;
}

function notes({ waiting, lastRefusal, endsAt, silent }: OrderLook): string[] {
  const lines: string[] = [];
  if (waiting !== undefined) {
    const since = waiting.since === undefined ? '' : ` since ${waiting.since}`;
    const tries = waiting.attempts === undefined ? '' : `, asked ${waiting.attempts} times in vain`;
    const next = waiting.nextAttemptAt === undefined ? '' : `, next attempt ${waiting.nextAttemptAt}`;
    const hint = waiting.for === 'owner' ? ': gba change start goes on with it' : '';
    lines.push(`waits for ${waiting.for}${since} (step ${waiting.step})${tries}${next}${hint}`);
  }
  if (lastRefusal !== undefined) lines.push(`the machine does not take what is offered: ${lastRefusal}`);
  if (endsAt !== undefined) lines.push(`is refused by itself at ${endsAt} if nothing was delivered by then`);
  if (silent.length > 0) lines.push(`no answer from: ${silent.join(', ')}`);
  return lines;
}
