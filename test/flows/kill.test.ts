import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { EXAMPLE_SCENARIO } from '../support/lab.ts';
import { freeBasePort } from '../support/ports.ts';

/** Runs the lab as a process of its own until it prints the step, then kills it the hard way. */
function runUntil(step: number, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'lab', '--once', '--json', ...args]);
    let text = '';
    let killed = false;
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!killed && text.includes(`"step":${step},`)) {
        killed = true;
        child.kill('SIGKILL');
      }
    });
    child.on('error', reject);
    child.on('exit', () => resolve(killed));
  });
}

for (const step of [1, 4, 6, 7, 8, 10, 12]) {
  test(`I8: killed at step ${step} and started again, the lab finishes the change`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'gba-kill-'));
    const file = join(dir, 'scenario.yaml');
    writeFileSync(file, stringify({ ...EXAMPLE_SCENARIO, basePort: await freeBasePort(32) }));
    const args = ['--dir', join(dir, 'lab'), '--file', file, '--timeout', '30'];
    assert.equal(await runUntil(step, args), true, 'the step was reached');
    const again = spawnSync(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'lab', '--once', ...args], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(again.status, 0, again.stdout + again.stderr);
    assert.match(again.stdout, /done in \d+ ms; now with sho-b\.test, bootstrapped at bsf\.sho-b\.test/);
    rmSync(dir, { recursive: true, force: true });
  });
}
