// Simulation of the whole system with the code that ships: see docs/simulation.md.
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { storyOf } from './report.ts';
import { type RunResult, runSeed } from './run.ts';
import { openSetting } from './setting.ts';
import { shrink } from './shrink.ts';

const HELP = `npm run sim -- [--seed N] [--runs M] [--jobs J] [--trace] [--verbose] [--json]

Runs M seeds from N on (default: 1000 fresh ones). Every party of the operator change runs in one process on a virtual
clock, a simulated network and simulated disks; after every event the invariants I1 to I8 are checked.

  --seed N    first seed, 1 to 4294967295; the same seed is the same run
  --runs M    how many seeds (default 1000; 1 when --trace is given)
  --jobs J    processes (default: one for each processor)
  --trace     the whole story of each run, also of those where every rule held
  --verbose   with --trace: every message and log line too
  --no-shrink leave the faults of a failed seed as they are
  --json      one line of JSON at the end

Exit code 0: every rule held in every run. 1: a rule did not hold; the story is printed. 2: the command is wrong.`;

/** What a worker says to the process that started it. */
type Word =
  | { kind: 'done'; count: number; ends: string[]; steps: number; faults: number }
  | { kind: 'failed'; seed: number };

interface Options {
  seed: number;
  runs: number;
  jobs: number;
  trace: boolean;
  verbose: boolean;
  shrink: boolean;
  json: boolean;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      runs: { type: 'string' },
      jobs: { type: 'string' },
      trace: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      'no-shrink': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const whole = (name: string, text: string | undefined, otherwise: number, most: number): number => {
    const value = text === undefined ? otherwise : Number(text);
    if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
    throw new TypeError(`--${name} takes a whole number from 1 to ${most}`);
  };
  const fresh = 1 + Math.floor(Math.random() * 4_000_000_000);
  return {
    seed: whole('seed', values.seed, fresh, 0xffff_ffff),
    runs: whole('runs', values.runs, values.trace ? 1 : 1_000, 10_000_000),
    jobs: whole('jobs', values.jobs, availableParallelism(), 64),
    trace: values.trace,
    verbose: values.verbose,
    shrink: !values['no-shrink'],
    json: values.json,
  };
}

/** Seeds `seed`, `seed + stride`, ...: told one by one to `say`, until it says that it has heard enough. */
async function work(seed: number, runs: number, stride: number, say: (word: Word) => boolean): Promise<void> {
  const setting = await openSetting();
  try {
    for (let i = 0; i < runs; i += stride) {
      const { violations, ends, steps, faults } = await runSeed(setting, seed + i);
      if (violations.length > 0 && !say({ kind: 'failed', seed: seed + i })) return;
      if (!say({ kind: 'done', count: 1, ends: [...ends], steps, faults: faults.length })) return;
    }
  } finally {
    setting.close();
  }
}

async function lead(options: Options): Promise<number> {
  const { seed, runs, jobs } = options;
  const startedAt = process.hrtime.bigint();
  const seconds = (): number => Number(process.hrtime.bigint() - startedAt) / 1e9;
  const totals = { done: 0, steps: 0, faults: 0 };
  const ends = new Map<string, number>();
  const failed: number[] = [];
  process.stderr.write(`seeds ${seed} to ${seed + runs - 1}, ${jobs} processes\n`);
  const progress = setInterval(() => {
    process.stderr.write(`  ${totals.done} of ${runs} runs, ${Math.round(seconds())} s, ${failed.length} failed\n`);
  }, 10_000);
  const hear = (word: Word): boolean => {
    if (word.kind === 'failed') {
      failed.push(word.seed);
      // One story is enough.
      return false;
    }
    totals.done += word.count;
    totals.steps += word.steps;
    totals.faults += word.faults;
    for (const end of word.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
    return true;
  };
  const workers = jobs === 1 ? [work(seed, runs, 1, hear)] : forkAll(options, hear);
  await Promise.all(workers).finally(() => clearInterval(progress));
  const [first] = failed.sort((one, other) => one - other);
  const told = [...ends].map(([end, count]) => `${count} ${end}`).join(', ');
  const summary = {
    seed,
    runs: totals.done,
    failed: failed.length,
    seconds: Math.round(seconds() * 10) / 10,
    ...totals,
  };
  if (options.json) process.stdout.write(`${JSON.stringify({ ...summary, ends: Object.fromEntries(ends) })}\n`);
  else {
    const each = `${totals.steps} events, ${totals.faults} faults; changes: ${told}`;
    process.stdout.write(`${totals.done} runs in ${summary.seconds} s, ${failed.length} failed; ${each}\n`);
  }
  if (first === undefined) return 0;
  await tell(first, options);
  return 1;
}

function forkAll({ seed, runs, jobs }: Options, hear: (word: Word) => boolean): Promise<void>[] {
  const children: ChildProcess[] = [];
  let enough = false;
  return Array.from({ length: Math.min(jobs, runs) }, (_, i) => {
    const child = fork(fileURLToPath(import.meta.url), ['work', String(seed + i), String(runs - i), String(jobs)], {
      // Runs make much that is soon forgotten.
      execArgv: [...process.execArgv, '--max-semi-space-size=64'],
    });
    children.push(child);
    child.on('message', (word: Word) => {
      if (enough || hear(word)) return;
      enough = true;
      for (const one of children) one.kill();
    });
    return new Promise<void>((resolve, reject) => {
      child.on('exit', (code, signal) => {
        if (code === 0 || (signal !== null && enough)) resolve();
        else reject(new TypeError(`a worker ended with ${code ?? signal}`));
      });
    });
  });
}

/** One seed again, here, told to its end. */
async function tell(seed: number, { verbose, trace, shrink: shrinks }: Options): Promise<RunResult> {
  const setting = await openSetting();
  try {
    const result = await runSeed(setting, seed, { verbose });
    const short = result.violations.length > 0 && shrinks ? await shrink(setting, result) : result;
    process.stdout.write(`${storyOf(short, trace)}\n`);
    if (short !== result) process.stdout.write(`(${result.faults.length} faults before shrinking)\n`);
    return result;
  } finally {
    setting.close();
  }
}

async function main(): Promise<number> {
  const [word, ...numbers] = process.argv.slice(2);
  if (word === 'work') {
    const [seed = 1, runs = 1, stride = 1] = numbers.map(Number);
    // Refusals are many, and nobody reads their stacks.
    Error.stackTraceLimit = 0;
    await work(seed, runs, stride, (told) => process.send?.(told) ?? true);
    return 0;
  }
  let options: Options | undefined;
  try {
    options = readOptions();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  if (!options.trace) return await lead(options);
  let failed = 0;
  for (let i = 0; i < options.runs; i++) {
    if ((await tell(options.seed + i, options)).violations.length > 0) failed++;
  }
  return failed > 0 ? 1 : 0;
}

process.exit(await main());
