import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { NAMES } from '../../src/lab/index.ts';
import { gba } from '../cli/process.ts';
import { assertChangedOnce, type FleetLab, reportOf, runChange, withFleet } from '../support/fleet.ts';

const NOBODY = 'http://127.0.0.1:1';

/** The lab's owner configuration, changed, with a fleet file of these lines. */
function argsOf({ dir }: FleetLab, lines: readonly string[], change: object = {}): string[] {
  const config = parse(readFileSync(join(dir, 'config', 'owner.yaml'), 'utf8')) as object;
  writeFileSync(join(dir, 'owner.yaml'), stringify({ ...config, patienceSeconds: 5, ...change }));
  writeFileSync(join(dir, 'some.csv'), ['machine,url', ...lines, ''].join('\n'));
  return ['--fleet', join(dir, 'some.csv'), '--config', join(dir, 'owner.yaml'), '--json'];
}

const lineOf = ({ lab }: FleetLab, i: number): string => {
  const machine = lab.plan.m2me[i];
  return `${machine?.id},http://127.0.0.1:${machine?.local.port}`;
};
const countsOf = (run: Awaited<ReturnType<typeof runChange>>) => reportOf(run)?.['counts'] as Record<string, number>;

test('gba change: wrong usage is one line and exit code 2, a wrong fleet file names its line and orders nothing', async () => {
  await withFleet(1, async (fleet) => {
    const config = join(fleet.dir, 'config', 'owner.yaml');
    for (const args of [
      ['start', '--config', config],
      ['start', '--config', config, '--machine', 'a', '--fleet', 'b', '--machine-url', NOBODY],
      ['start', '--config', config, '--machine', 'a'],
      ['start', '--config', config, '--machine', 'a', '--machine-url', 'ftp://a'],
      ['start', '--config', config, '--fleet', 'b', '--parallel', '0'],
      ['start', '--config', config, '--fleet', 'b', '--variant', 'psk'],
      ['cancel', '--config', config],
    ]) {
      const { code, out, err } = await gba(['change', ...args]);
      assert.deepEqual([code, out, err.trimEnd().split('\n').length], [2, '', 1], `${args.join(' ')}: ${err}`);
    }
    const bad = await runChange(['start', ...argsOf(fleet, [lineOf(fleet, 0), 'm-2'])]);
    assert.equal(bad.code, 1);
    const { error, message } = JSON.parse(bad.err) as { error: string; message: string };
    assert.deepEqual([error, message], ['fleet-file-invalid', 'line 3: 1 fields where the header has 2']);
    for (const [what, args] of [
      ['fleet-file-unreadable', ['start', '--fleet', '/nonexistent', '--config', config]],
      ['config-file-unreadable', ['start', ...fleet.args.slice(0, 2), '--config', '/nonexistent']],
      ['config-invalid', ['start', ...argsOf(fleet, [lineOf(fleet, 0)], { parallel: 0 })]],
    ] as const) {
      const { code, err } = await gba(['change', ...args]);
      assert.equal(code, 1);
      assert.ok(err.includes(what), err);
    }
    await assertChangedOnce(fleet.lab, []);
  });
});

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
