import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { ATTACKS, runAttack } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO, startFreeLab } from '../support/lab.ts';

describe('attacks on an operator change', { concurrency: 4 }, () => {
  for (const attack of ATTACKS) {
    it(`${attack.name}: refused as ${attack.expect}, and nothing has changed`, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'gba-attack-'));
      const scenario = { ...EXAMPLE_SCENARIO, basePort: 0 };
      const options = { clock: systemClock, random: systemRandom, log: silentLog };
      const lab = await startFreeLab({ dir, scenario, driver: 'memory', ...options, ...attack.lab });
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
