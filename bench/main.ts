// npm run bench: prints every figure as a ratio to a named reference that is measured in the same run. Names after it
// choose: npm run bench -- vectors ub. `contexts` (1,000,000 live contexts, one to five minutes) runs only when it is named.
import { benchChanges } from './changes.ts';
import { benchContexts } from './contexts.ts';
import { barePeak, benchMemory } from './memory.ts';
import { benchPsk } from './psk.ts';
import { benchStores } from './stores.ts';
import { benchUa, benchUb } from './ub-ua.ts';
import { benchVectors } from './vectors.ts';

const BENCHES = [
  { key: 'vectors', bench: benchVectors, aim: 'ratio 0.50' },
  { key: 'ub', bench: benchUb, aim: 'ratio 0.60' },
  { key: 'ua', bench: benchUa, aim: 'ratio 0.60' },
  { key: 'psk', bench: benchPsk, aim: '' },
  { key: 'changes', bench: benchChanges, aim: '30/s' },
  { key: 'stores', bench: benchStores, aim: '' },
] as const;

const line = (name: string, figure: string, ratio: string, aim: string, reference: string): void => {
  process.stdout.write(
    `${name.padEnd(26)} ${figure.padStart(11)}  ${ratio.padStart(6)}  ${aim.padEnd(10)}  ${reference}\n`,
  );
};

const CONTEXTS = 'contexts';
const NAMES: readonly string[] = [...BENCHES.map(({ key }) => key), CONTEXTS];
const selected = process.argv.slice(2);
const unknown = selected.filter((name) => !NAMES.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(', ')}; there are ${NAMES.join(', ')}\n`);
  process.exit(2);
}
if (selected.includes(CONTEXTS)) {
  for (const text of benchContexts()) process.stdout.write(`${text}\n`);
  if (selected.length === 1) process.exit();
}
const bare = barePeak();
line('what', 'figure', 'ratio', 'aim', 'to what');
for (const { key, bench, aim } of BENCHES) {
  if (selected.length > 0 && !selected.includes(key)) continue;
  for (const { name, perSecond, ratio, reference } of [await bench()].flat()) {
    line(name, `${perSecond.toFixed(perSecond < 100 ? 1 : 0)}/s`, ratio.toFixed(2), aim, reference);
  }
}
const { name, mebibytes, ratio, reference } = benchMemory(bare);
line(name, `${mebibytes.toFixed(0)} MiB`, ratio.toFixed(2), '', reference);
