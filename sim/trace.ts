import { createHash } from 'node:crypto';
import type { Log, LogFields } from '../src/base/index.ts';
import type { Kernel } from './kernel.ts';
import { START } from './setting.ts';
import type { Written } from './store.ts';

export interface TraceLine {
  /** Number of the event. */
  step: number;
  /** Milliseconds since the start. */
  at: number;
  text: string;
}

/** What is told of a run, in order. */
export interface Trace {
  lines: readonly TraceLine[];
  /** Violations told so far. */
  reported: number;
  say(text: string): void;
  /** Only when everything is to be told; part of the fingerprint in any case. */
  tell(text: string): void;
  written(written: Written): void;
  violation(rule: string, what: string): void;
  log: Log;
  fingerprint(): string;
}

/** Records whose state is the story. */
const TOLD = ['release', 'order', 'delivery', 'm2me-change', 'registration'];

export function createTrace(kernel: Kernel, verbose: boolean): Trace {
  const lines: TraceLine[] = [];
  const hash = createHash('sha256');
  const add = (text: string): void => {
    lines.push({ step: kernel.steps, at: kernel.now - START, text });
  };
  const trace: Trace = {
    lines,
    reported: 0,
    say(text) {
      hash.update(`${kernel.steps} ${text}\n`);
      add(text);
    },
    tell(text) {
      hash.update(`${kernel.steps} ${text}\n`);
      if (verbose) add(text);
    },
    written({ party, space, key, before, after }) {
      hash.update(`${kernel.steps} ${party} ${space}\n`);
      if (!TOLD.includes(space)) return;
      const [was, is] = [wordOf(before), wordOf(after)];
      if (was !== is) add(`${party} ${space} ${key.slice(0, 6)}: ${was} > ${is}`);
    },
    violation(rule, what) {
      trace.reported++;
      add(`${rule} DOES NOT HOLD: ${what}`);
    },
    log: verbose ? logInto(add, {}) : silent,
    fingerprint: () => hash.copy().digest('hex').slice(0, 16),
  };
  return trace;
}

function wordOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  const { state, sho } = value as { state?: string; sho?: string };
  return state ?? sho ?? 'in change';
}

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };

function logInto(add: (text: string) => void, common: LogFields): Log {
  const line =
    (level: string) =>
    (event: string, fields: LogFields = {}): void =>
      add(`    ${level} ${event} ${JSON.stringify({ ...common, ...fields })}`);
  return {
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => logInto(add, { ...common, ...fields }),
  };
}
