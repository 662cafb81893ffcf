import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertChangedOnce, reportOf, runChange, withFleet } from '../support/fleet.ts';

/** `npm run fleet:test` sets it to 1,000. */
const MACHINES = Number(process.env['FLEET'] ?? 200);
const LIMIT_MS = 600_000;

test(`I5, I8: a fleet of ${MACHINES}, its command killed half-way and started again, ends with all done and none twice`, {
  timeout: LIMIT_MS,
}, async () => {
  const activated: string[] = [];
  await withFleet(
    MACHINES,
    async ({ lab, args }) => {
      const ids = lab.plan.fleet;
      let ended = 0;
      const first = await runChange(['start', ...args, '--parallel', '96'], (event, child) => {
        if (event.event === 'machine' && ++ended === MACHINES / 2) child.kill('SIGKILL');
      });
      assert.equal(first.signal, 'SIGKILL', first.err);
      const second = await runChange(['start', ...args, '--parallel', '96']);
      assert.equal(second.code, 0, second.err + JSON.stringify(reportOf(second)));
      const { machines, counts } = reportOf(second) ?? {};
      assert.deepEqual([machines, (counts as { done?: number }).done], [MACHINES, MACHINES]);
      // Half of them had ended: they are not even asked again.
      const again = second.events.filter(({ event }) => event === 'machine').length;
      assert.ok(again <= MACHINES / 2 && again >= 1, `${again} of ${MACHINES}`);
      await assertChangedOnce(lab, ids);
      assert.deepEqual(activated.sort(), [...ids].sort(), 'one activation a machine');
      const third = await runChange(['start', ...args]);
      assert.equal(third.code, 0, third.err);
      assert.equal(third.events.filter(({ event }) => event === 'machine').length, 0);
    },
    {
      onStep({ step, party, what }) {
        if (step === 12 && what.startsWith('new subscription active')) activated.push(party);
      },
    },
  );
});
