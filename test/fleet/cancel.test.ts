import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { NAMES } from '../../src/lab/index.ts';
import { gba } from '../cli/process.ts';
import { argsOf, countsOf, lineOf, reportOf, runChange, withFleet } from '../support/fleet.ts';

test('gba change: interrupted before step 8 it says how to go on; cancel has the tokens returned, and --retry begins anew', async () => {
  await withFleet(4, async (fleet) => {
    const { lab, dir } = fleet;
    const args = argsOf(fleet, [lineOf(fleet, 0), lineOf(fleet, 1)]);
    await lab.stop(NAMES.pva);
    const machines = lab.plan.fleet.slice(0, 2);
    const changes = () => Promise.all(machines.map((id) => lab.stores.get(id)?.list('m2me-change') ?? []));
    let second: ReturnType<typeof runChange> | undefined;
    const stopped = runChange(['start', ...args], undefined, async (child) => {
      // Both are instructed, and nobody attests them: there they stay.
      while (!(await changes()).every((list) => list.length === 1)) await delay(50);
      second = runChange(['start', ...args]);
      await second;
      child.kill('SIGINT');
    });
    const interrupted = await stopped;
    assert.deepEqual([interrupted.code, interrupted.events.at(-1)?.event], [130, 'interrupted'], interrupted.err);
    const busy = await second;
    assert.match(busy?.err ?? '', /change-running/);
    const config = ['--config', join(dir, 'owner.yaml')];
    const refreshed = await gba(['change', 'status', '--refresh', '--machine', machines[0] ?? '', ...config]);
    assert.deepEqual([refreshed.code, refreshed.out], [0, `${machines[0]}: instructed\n`], refreshed.err);

    const cancelled = await runChange(['cancel', ...args]);
    assert.deepEqual(
      [cancelled.code, cancelled.events.map(({ answer }) => answer)],
      [0, ['returned', 'returned']],
      cancelled.err,
    );
    assert.equal((await runChange(['cancel', ...args])).code, 0, 'a repeat is the same');
    const kept = await runChange(['start', ...args]);
    assert.deepEqual([kept.code, countsOf(kept)['returned']], [1, 2]);
    // The new operator still has the former order open: that is said, and the machine is not harmed.
    const anew = await runChange(['start', ...args, '--retry']);
    assert.deepEqual([anew.code, countsOf(anew)['refused']], [1, 2], anew.err + JSON.stringify(reportOf(anew)));
    const [reason] = (reportOf(anew)?.['reasons'] ?? []) as { reason: string }[];
    assert.equal(reason?.reason, 'order-open');
  });
});
