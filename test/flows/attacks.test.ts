import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { codeOf, silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { ATTACKS, type Lab, parseScenario, runAttack, startLab } from '../../src/lab/index.ts';

const scenario = { ...parseScenario(readFileSync('examples/operator-change.yaml', 'utf8')), basePort: 0 };

/** A free port can be gone by the time that it is listened on: other labs connect at the same time. */
async function start(dir: string, tries = 4): Promise<Lab> {
  const options = { clock: systemClock, random: systemRandom, log: silentLog };
  try {
    return await startLab({ dir, scenario, driver: 'memory', ...options });
  } catch (error) {
    if (codeOf(error) !== 'listen-failed' || tries === 1) throw error;
    return await start(dir, tries - 1);
  }
}

describe('attacks on an operator change', { concurrency: 4 }, () => {
  for (const attack of ATTACKS) {
    it(`${attack.name}: refused as ${attack.expect}, and nothing has changed`, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'gba-attack-'));
      const lab = await start(dir);
      try {
        const { title, name } = attack;
        const report = await runAttack(lab, attack);
        const expected = { name, title, expected: attack.expect, got: attack.expect, stateEqual: true, refused: true };
        assert.deepEqual(report, expected);
      } finally {
        await lab.close();
        rmSync(dir, { recursive: true, force: true });
      }
    });
  }
});
