import pc from 'picocolors';
import type { Clock } from '../base/index.ts';
import { createRate, type End } from '../owner/index.ts';

/** How often a line is written where no bar can be drawn, and how often the bar is drawn anew. */
const LINE_MS = 5_000;
const BAR_MS = 250;
const WIDTH = 24;

export interface FleetProgress {
  ended(m2meId: string, end: End, ms: number): void;
  /** Takes the bar away; nothing is written afterwards. */
  close(): void;
}

export interface ProgressOptions {
  /** Machines in all, and how many of them had ended before this run. */
  total: number;
  before: number;
  json: boolean;
  out: NodeJS.WriteStream;
  clock: Clock;
}

/** A bar with rate and time left on a terminal; elsewhere a line now and then, and one for each machine that is not done. */
export function showProgress({ total, before, json, out, clock }: ProgressOptions): FleetProgress {
  const rate = createRate(clock);
  const bar = out.isTTY === true && !json;
  const counts = { done: 0, refused: 0, returned: 0, failed: 0 };
  const erase = (): boolean => bar && out.write('\r\u001b[2K');

  function figures() {
    const ended = before + counts.done + counts.refused + counts.returned + counts.failed;
    const etaMs = rate.eta(total - ended);
    return { ended, perSecond: Math.round(rate.perSecond() * 10) / 10, ...(etaMs === undefined ? {} : { etaMs }) };
  }

  function text(): string {
    const { ended, perSecond, etaMs } = figures();
    const percent = Math.floor((ended / total) * 100);
    const left = etaMs === undefined ? '' : `, ${durationText(etaMs)} left`;
    const troubles = [
      counts.refused + counts.returned > 0 ? `, ${counts.refused + counts.returned} refused` : '',
      counts.failed > 0 ? `, ${counts.failed} not ended` : '',
    ].join('');
    return `${ended}/${total} (${percent}%) ${perSecond}/s${left}${troubles}`;
  }

  function tick(): void {
    if (json) out.write(`${JSON.stringify({ event: 'progress', total, ...counts, ...figures() })}\n`);
    else if (bar) out.write(`\r\u001b[2K${drawBar(figures().ended / total)} ${text()}`);
    else out.write(`${text()}\n`);
  }

  const timer = setInterval(tick, bar ? BAR_MS : LINE_MS);
  timer.unref();
  if (bar) tick();
  return {
    ended(m2meId, end, ms) {
      counts[end.state]++;
      rate.add();
      const { state, reason } = end;
      if (json) out.write(`${JSON.stringify({ event: 'machine', m2meId, state, ...(reason && { reason }), ms })}\n`);
      else if (state !== 'done') {
        erase();
        out.write(`${pc.red(`${m2meId}: ${state === 'failed' ? 'not ended' : state}`)}: ${reason ?? ''}\n`);
      }
    },
    close() {
      clearInterval(timer);
      erase();
    },
  };
}

function drawBar(share: number): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}]`;
}

export function durationText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
