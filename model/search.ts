import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Configuration } from './configurations.ts';

export interface Found {
  states: number;
  depth: number;
  seconds: number;
  /** The property looked at is broken. */
  broken: boolean;
  /** Why this was no exhaustive search, or none at all. */
  trouble?: string;
  /** The searcher's report; of a broken property the way to it, step by step. */
  output: string;
}

const SOURCE = join(import.meta.dirname, 'operator-change.pml');
const BOUNDS = ['-m20000', '-w22'];
const MINUTES = 10;

/** What of the tools is not there. */
export async function missingTools(): Promise<string[]> {
  const tries = [run('spin', ['-V']), run('gcc', ['--version'])];
  const there = await Promise.all(tries.map((one) => one.then((text) => text !== undefined)));
  return ['spin', 'gcc'].filter((_, i) => there[i] === false);
}

/** Builds the searcher of one configuration in a folder of its own, and runs it. */
export async function search({ defines, kind, property }: Configuration): Promise<Found> {
  const folder = await mkdtemp(join(tmpdir(), 'model-'));
  const liveness = property === 'I8';
  const options = [
    ...['-w', '-DCOLLAPSE', '-DMEMLIM=3500'],
    // All variables are shared: there is nothing to reduce.
    '-DNOREDUCE',
    // Fairness keeps a counter for each of up to 14 processes.
    liveness ? '-DNFAIR=4' : '-DSAFETY',
    // A search that soon ends is not worth optimising.
    kind === 'right' ? '-O2' : '-O0',
  ];
  try {
    const spun = await run('spin', [...defines.map((define) => `-D${define}`), '-a', SOURCE], folder);
    if (spun?.ok !== true) return nothing(`spin: ${spun?.text}`);
    const built = await run('gcc', [...options, '-o', 'pan', 'pan.c'], folder);
    if (built?.ok !== true) return nothing(`gcc: ${built?.text}`);
    const searched = await run('./pan', liveness ? ['-a', '-f', ...BOUNDS] : BOUNDS, folder);
    if (searched === undefined) return nothing('pan cannot be started');
    const found = readSearch(searched.text, property);
    if (!found.broken) return found;
    const way = await run('./pan', ['-r', `${basename(SOURCE)}.trail`], folder);
    return { ...found, output: way?.text ?? '' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the searcher's report means. */
export function readSearch(output: string, property: string): Found {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  const states = number(/^ *([\d.e+]+) states, stored/m);
  const depth = number(/depth reached (\d+)/);
  const errors = number(/errors: (\d+)/);
  const seconds = number(/elapsed time ([\d.e+]+)/);
  const broken = output.includes(property === 'I8' ? 'acceptance cycle (' : 'assertion violated (');
  const found = { states, depth, seconds, broken, output };
  if (Number.isNaN(states) || Number.isNaN(errors)) return { ...nothing(output.slice(0, 400)), output };
  if (broken) return found;
  const error = errors === 0 ? undefined : (/^pan:.*/m.exec(output)?.[0] ?? `${errors} errors`);
  const cutShort = /Search not completed|max search depth too small|out of memory|MEMLIM/.exec(output)?.[0];
  const trouble = error ?? cutShort;
  return trouble === undefined ? found : { ...found, trouble };
}

function nothing(trouble: string): Found {
  return { states: 0, depth: 0, seconds: 0, broken: false, trouble, output: '' };
}

/** Undefined: there is no such command. */
function run(command: string, args: string[], cwd?: string): Promise<{ ok: boolean; text: string } | undefined> {
  const options = { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, timeout: MINUTES * 60_000 } as const;
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      const absent = error?.code === 'ENOENT';
      resolve(absent ? undefined : { ok: error === null, text: stdout + stderr });
    });
  });
}
