// Searches the configurations of the model: `npm run model [-- NAME...]`. With --table the lines are Markdown.
import { availableParallelism } from 'node:os';
import { CONFIGURATIONS, type Configuration } from './configurations.ts';
import { keyOf, modelRows, NEVER_TAKEN, takenRows } from './rows.ts';
import { type Found, missingTools, search } from './search.ts';

const args = process.argv.slice(2);
const asTable = args.includes('--table');
const parts = args.filter((arg) => !arg.startsWith('--'));
const chosen = CONFIGURATIONS.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)));

const WIDTHS = [6, 25, 9, 9, 6, 8, 0];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One line. How long it took is of this machine only, and not for a table that is kept. */
function print(kind: string, name: string, says: string, cells: readonly unknown[], seconds: unknown, result: string) {
  if (asTable) say(`| ${[kind, says === '' ? name : `${name}: ${says}`, ...cells, result].join(' | ')} |`);
  else say([kind, name, ...cells, seconds, result].map((cell, i) => `${cell}`.padEnd(WIDTHS[i] ?? 0)).join(' '));
}

function judge({ kind }: Configuration, { broken, trouble }: Found): { good: boolean; result: string } {
  if (trouble !== undefined) return { good: false, result: `NOT SEARCHED: ${trouble}` };
  if (kind === 'right') return { good: !broken, result: broken ? 'FAILS' : 'holds' };
  return { good: broken, result: broken ? 'fails, as it must' : 'HOLDS, but must fail' };
}

/** A right rule that no search ever used shows that the model looks away. */
function unused(taken: ReadonlySet<string>): string[] {
  const never = [...new Set(modelRows().map(keyOf))].filter((key) => !taken.has(key));
  return [
    ...never.filter((key) => !NEVER_TAKEN.includes(key)).map((key) => `never taken: ${key}`),
    ...NEVER_TAKEN.filter((key) => !never.includes(key)).map((key) => `taken after all: ${key}`),
  ];
}

/** Two searches at a time, results in the order of the configurations. */
async function* searchAll(): AsyncGenerator<[Configuration, Found]> {
  const jobs = Math.min(2, availableParallelism());
  const running: Promise<Found>[] = [];
  for (const [i, configuration] of chosen.entries()) {
    while (running.length < Math.min(chosen.length, i + jobs)) {
      const next = chosen[running.length];
      if (next !== undefined) running.push(search(next));
    }
    const found = await running[i];
    if (found !== undefined) yield [configuration, found];
  }
}

const missing = await missingTools();
if (missing.length > 0) {
  process.stderr.write(`model: ${missing.join(' and ')} not found. On Debian: apt-get install spin gcc\n`);
  process.exit(1);
}

let good = chosen.length > 0;
let seconds = 0;
const taken = new Set<string>();
print('rules', 'configuration', '', ['property', 'states', 'depth'], 'seconds', 'result');
if (asTable) say('| --- | --- | --- | --- | --- | --- |');
for await (const [configuration, found] of searchAll()) {
  const { kind, name, says, property } = configuration;
  const verdict = judge(configuration, found);
  good &&= verdict.good;
  seconds += found.seconds;
  print(kind, name, says, [property, found.states, found.depth], found.seconds, verdict.result);
  const rows = takenRows(found.output).map(keyOf);
  if (kind === 'right') for (const row of rows) taken.add(row);
  if (found.broken && (!verdict.good || parts.length > 0)) for (const row of rows) say(`    ${row}`);
}
if (chosen.length === CONFIGURATIONS.length) {
  for (const line of unused(taken)) {
    good = false;
    say(line);
  }
}
say(
  `${chosen.length} configurations, ${Math.round(seconds)} s of searching: ${good ? 'as expected' : 'NOT as expected'}`,
);
process.exit(good ? 0 : 1);
