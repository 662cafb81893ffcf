// The simulator bites: a mistake is patched into a copy of the product, and its seeds find it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { BUGS, type Bug } from './bugs.ts';

const root = resolve(import.meta.dirname, '../..');
const SEEDS = 2_000;
const copies: string[] = [];
after(() => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});

/** The product with its simulator, and `bug` in it. */
function patched({ file, changes }: Bug): string {
  const copy = mkdtempSync(join(tmpdir(), 'gba-sim-bug-'));
  copies.push(copy);
  for (const name of ['src', 'sim', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  let text = readFileSync(join(copy, file), 'utf8');
  for (const [find, replace] of changes) {
    assert.equal(text.split(find).length, 2, `this piece does not stand once in ${file}:\n${find}`);
    text = text.replace(find, () => replace);
  }
  writeFileSync(join(copy, file), text);
  return copy;
}

interface Found {
  code: number | null;
  runs: number;
  rule: string;
}

function simulate(directory: string): Promise<Found> {
  const args = ['--import', 'tsx', 'sim/main.ts', '--seed', '1', '--runs', String(SEEDS), '--json', '--no-shrink'];
  const child = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] });
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

for (const bug of BUGS) {
  test(`found within ${SEEDS} seeds: ${bug.name}`, async (t) => {
    const { code, runs, rule } = await simulate(patched(bug));
    assert.equal(code, 1, `${runs} seeds, and no rule was broken`);
    t.diagnostic(`${rule} broken after ${runs} seeds that held`);
  });
}
