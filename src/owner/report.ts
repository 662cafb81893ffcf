import { adviceFor } from './advice.ts';
import type { OwnerJournal } from './journal.ts';
import { type Phase, phaseOf } from './progress.ts';

export interface ReasonCount {
  phase: Phase;
  reason: string;
  count: number;
  /** The first few of them. */
  machines: string[];
  advice: string;
}

/** Where a fleet stands. */
export interface FleetReport {
  machines: number;
  counts: Record<Phase, number>;
  /** Of those that are not done, nor simply under way. */
  reasons: ReasonCount[];
}

const EXAMPLES = 5;

export function reportOn(journal: OwnerJournal, ids: readonly string[]): FleetReport {
  const counts = { new: 0, released: 0, ordered: 0, instructed: 0, done: 0, refused: 0, returned: 0, failed: 0 };
  const reasons = new Map<string, ReasonCount>();
  for (const id of ids) {
    const progress = journal.of(id);
    const phase = phaseOf(progress);
    counts[phase]++;
    if (progress.end === undefined || phase === 'done') continue;
    const reason = progress.end.reason ?? phase;
    const key = `${phase} ${reason}`;
    const known = reasons.get(key) ?? { phase, reason, count: 0, machines: [], advice: adviceFor(phase, reason) };
    known.count++;
    if (known.machines.length < EXAMPLES) known.machines.push(id);
    reasons.set(key, known);
  }
  return { machines: ids.length, counts, reasons: [...reasons.values()].sort((a, b) => b.count - a.count) };
}

/** The report for people, a line each. */
export function reportLines({ machines, counts, reasons }: FleetReport): string[] {
  const underWay = counts.released + counts.ordered + counts.instructed;
  const parts = [
    [counts.done, 'done'],
    [counts.refused, 'refused'],
    [counts.returned, 'given back'],
    [counts.failed, 'not ended'],
    [underWay, 'under way'],
    [counts.new, 'not begun'],
  ] as const;
  const said = parts.filter(([count], i) => i === 0 || count > 0).map(([count, what]) => `${count} ${what}`);
  const lines = [`${machines} ${machines === 1 ? 'machine' : 'machines'}: ${said.join(', ')}`];
  for (const { phase, reason, count, machines: ids, advice } of reasons) {
    const shown = ids.join(', ') + (count > ids.length ? ', …' : '');
    lines.push(
      `${String(count).padStart(6)} ${phase === 'failed' ? 'not ended' : phase}, ${reason}: ${advice} (${shown})`,
    );
  }
  return lines;
}
