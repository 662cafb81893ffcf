import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { gba } from '../cli/process.ts';
import { argsOf, assertChangedOnce, countsOf, lineOf, reportOf, runChange, withFleet } from '../support/fleet.ts';

const NOBODY = 'http://127.0.0.1:1';

test('gba change: refusals and failures are told by reason; only --retry begins anew with what was refused', async () => {
  await withFleet(3, async (fleet) => {
    const { lab } = fleet;
    const [first = '', second = '', third = ''] = lab.plan.fleet;
    const stranger = `stranger,http://127.0.0.1:${lab.plan.m2me[0]?.local.port}`;
    const lines = [lineOf(fleet, 0), lineOf(fleet, 1), stranger];
    const run = await runChange(['start', ...argsOf(fleet, [...lines, `${third},${NOBODY}`], { patienceSeconds: 1 })]);
    assert.equal(run.code, 1, run.err);
    assert.deepEqual([countsOf(run)['done'], countsOf(run)['refused'], countsOf(run)['failed']], [2, 1, 1]);
    const reasons = reportOf(run)?.['reasons'] as { reason: string; machines: string[]; advice: string }[];
    const told = Object.fromEntries(reasons.map(({ reason, machines }) => [reason, machines]));
    assert.deepEqual(told, { 'not-owner': ['stranger'], 'machine-unreachable': [third] });

    const again = await runChange(['start', ...argsOf(fleet, [...lines, lineOf(fleet, 2)])]);
    assert.deepEqual([again.code, countsOf(again)['done'], countsOf(again)['refused']], [1, 3, 1], again.err);
    const asked = again.events.filter(({ event }) => event === 'machine').map(({ m2meId }) => m2meId);
    assert.deepEqual(asked, [third]);
    await assertChangedOnce(lab, [first, second, third]);

    const retried = await runChange(['start', ...argsOf(fleet, lines), '--retry']);
    const retriedIds = retried.events.filter(({ event }) => event === 'machine').map(({ m2meId }) => m2meId);
    assert.deepEqual([retried.code, retriedIds], [1, ['stranger']]);

    const status = await runChange(['status', ...argsOf(fleet, lines)]);
    assert.deepEqual([status.code, countsOf(status)['done'], countsOf(status)['refused']], [0, 2, 1]);
    const one = await gba(['change', 'status', '--machine', 'stranger', '--config', join(fleet.dir, 'owner.yaml')]);
    assert.deepEqual([one.code, one.out], [0, 'stranger: refused: not-owner\n']);
    const late = await runChange(['cancel', ...argsOf(fleet, [lineOf(fleet, 0)])]);
    assert.deepEqual([late.code, late.events[0]?.['answer']], [1, 'too-late'], late.err);
    assert.equal((await runChange(['start', ...argsOf(fleet, [lineOf(fleet, 0)])])).code, 0);
  });
});
