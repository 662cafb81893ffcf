// The simulator bites: a mistake is patched into a copy of the product, and its seeds find it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { build, type Plugin } from 'esbuild';
import { BUGS, type Bug } from './bugs.ts';

const root = resolve(import.meta.dirname, '../..');
const SEEDS = 2_000;
const copies: string[] = [];
after(() => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

/** The product with its simulator as one file, and `bug` in it. */
async function patched({ file, changes }: Bug): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'gba-sim-bug-'));
  copies.push(copy);
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  let text = readFileSync(join(root, file), 'utf8');
  for (const [find, replace] of changes) {
    assert.equal(text.split(find).length, 2, `this piece does not stand once in ${file}:\n${find}`);
    text = text.replace(find, () => replace);
  }
  const outfile = join(copy, 'sim.mjs');
  const plugin: Plugin = {
    name: 'bug',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, ({ path }) =>
        path === join(root, file) ? { contents: text, loader: 'ts' } : undefined,
      );
    },
  };
  const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints: [join(root, 'sim/main.ts')], outfile, ...options, plugins: [plugin] });
  return outfile;
}

interface Found {
  code: number | null;
  runs: number;
  rule: string;
}

function simulate(program: string): Promise<Found> {
  const args = [program, '--seed', '1', '--runs', String(SEEDS), '--jobs', '1', '--json', '--no-shrink'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.on('data', (octets: Buffer) => {
    out += octets.toString('utf8');
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('exit', (code) => {
      const [json = ''] = out.split('\n');
      const { runs } = JSON.parse(json) as { runs: number };
      done({ code, runs, rule: /^ {2}(I\d): /m.exec(out)?.[1] ?? '' });
    });
  });
}

test('the table has at least 15 mistakes, each in a file of the product', () => {
  assert.ok(BUGS.length >= 15);
  assert.equal(new Set(BUGS.map(({ name }) => name)).size, BUGS.length);
  assert.deepEqual(
    BUGS.filter(({ file }) => !file.startsWith('src/')),
    [],
  );
});

/** Those that take long are a command of their own, `npm run sim:bites`. */
const slowOnes = process.env['SIM_BITES'] === 'slow';

const chosen = BUGS.filter(({ slow = false }) => slow === slowOnes);
// Each is one process: two at once where nothing else runs.
describe('the simulator finds', { concurrency: slowOnes ? 2 : 1 }, () => {
  for (const bug of chosen) {
    test(`within ${SEEDS} seeds: ${bug.name}`, async (t) => {
      const { code, runs, rule } = await simulate(await patched(bug));
      assert.equal(code, 1, `${runs} seeds, and no rule was broken`);
      t.diagnostic(`${rule} broken after ${runs} seeds that held`);
    });
  }
});
