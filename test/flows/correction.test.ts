import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Lab, NAMES } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

const MACHINE = 'm2me-0001';
const scenario = { ...EXAMPLE_SCENARIO, basePort: 0, graceMs: 1_000 };

/** After step 8 the one slot left in the TRE is the pending one. */
function damagePending(lab: Lab | undefined): void {
  const dir = lab?.plan.m2me[0]?.treDir ?? '';
  const [mcim] = readdirSync(dir).filter((name) => /^slot-.*\.mcim\.sealed$/.test(name));
  assert.ok(mcim !== undefined);
  writeFileSync(join(dir, mcim), 'damaged');
}

for (const variant of ['gba', 'signed'] as const) {
  for (const bothPresent of [false, true]) {
    test(`13, failure (${variant}, both present: ${bothPresent}): a corrected package under the same token is installed`, async () => {
      let lab: Lab | undefined;
      let damaged = false;
      await withLab(
        async ({ lab: started, owner, events }) => {
          lab = started;
          const result = await owner.change(MACHINE, 20_000, { variant, bothPresent });
          assert.equal(result.state, 'done', result.reason);
          assert.ok(damaged);
          const results = events.filter(({ step, party }) => step === 13 && party === MACHINE).map(({ what }) => what);
          assert.deepEqual(results, ['result: failure', 'result: success']);
          const [order] = (await started.stores.get(NAMES.newSho)?.list<{ corrections: number }>('order')) ?? [];
          assert.equal(order?.value.corrections, 1);
        },
        {
          scenario,
          bothPresent,
          onStep({ step }) {
            if (step !== 8 || damaged) return;
            damaged = true;
            damagePending(lab);
          },
        },
      );
    });
  }
}

test('13, failure: when no package ever works the order is given up after the configured corrections, and stays to be seen', async () => {
  let lab: Lab | undefined;
  await withLab(
    async ({ lab: started, owner }) => {
      lab = started;
      const result = await owner.change(MACHINE, 6_000);
      assert.notEqual(result.state, 'done');
      const [order] = (await started.stores.get(NAMES.newSho)?.list<{ state: string }>('order')) ?? [];
      assert.equal(order?.value.state, 'failed');
    },
    {
      scenario,
      onStep({ step, what, party }) {
        if (step === 8 || (step === 7 && party === MACHINE && what.startsWith('corrected'))) damagePending(lab);
      },
    },
  );
});
