import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { test } from 'node:test';
import { assertChangedOnce, reportOf, runChange, withFleet } from '../support/fleet.ts';

test('I5, I8: killed at the very moment that a token, an order, an instruction takes effect, nothing is done twice', async () => {
  let prey: { child: ChildProcess; step: number } | undefined;
  await withFleet(
    16,
    async ({ lab, args }) => {
      for (const step of [0, 1, 2, 1, 2]) {
        // Two at a time, so that each run leaves machines to the next.
        const run = runChange(['start', ...args, '--parallel', '2'], undefined, (child) => {
          prey = { child, step };
        });
        assert.equal((await run).signal, 'SIGKILL', `step ${step}: ${(await run).err}`);
      }
      const last = await runChange(['start', ...args]);
      assert.equal(last.code, 0, last.err + JSON.stringify(reportOf(last)));
      await assertChangedOnce(lab, lab.plan.fleet);
    },
    {
      onStep({ step, what }) {
        if (prey === undefined || step !== prey.step || (step === 0 && !what.startsWith('token for'))) return;
        prey.child.kill('SIGKILL');
        prey = undefined;
      },
    },
  );
});
