// npm run bench: prints every figure as a ratio to a named reference that is measured in the same run.
import { benchChanges } from './changes.ts';
import { benchUa, benchUb } from './ub-ua.ts';
import { benchVectors } from './vectors.ts';

const line = (name: string, perSecond: number, ratio: string, reference: string): void => {
  process.stdout.write(
    `${name.padEnd(34)} ${perSecond.toFixed(0).padStart(9)}/s   ${ratio.padStart(6)}  ${reference}\n`,
  );
};

const selected = process.argv.slice(2);
const wanted = (name: string): boolean => selected.length === 0 || selected.includes(name);

for (const [name, bench] of [
  ['vectors', benchVectors],
  ['ub', benchUb],
  ['ua', benchUa],
  ['changes', benchChanges],
] as const) {
  if (!wanted(name)) continue;
  const result = await bench();
  line(result.name, result.perSecond, result.ratio.toFixed(2), result.reference);
}
const peak = process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${'peak memory'.padEnd(34)} ${peak.toFixed(0).padStart(9)} MiB\n`);
