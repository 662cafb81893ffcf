import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { gba } from '../cli/process.ts';
import { argsOf, assertChangedOnce, lineOf, runChange, withFleet } from '../support/fleet.ts';

const NOBODY = 'http://127.0.0.1:1';

test('gba change: wrong usage is one line and exit code 2, a wrong fleet file names its line and orders nothing', async () => {
  await withFleet(1, async (fleet) => {
    const config = join(fleet.dir, 'config', 'owner.yaml');
    const wrong = [
      ['start', '--config', config],
      ['start', '--config', config, '--machine', 'a', '--fleet', 'b', '--machine-url', NOBODY],
      ['start', '--config', config, '--machine', 'a', '--machine-url', 'ftp://a'],
      ['start', '--config', config, '--fleet', 'b', '--parallel', '0'],
      ['start', '--config', config, '--fleet', 'b', '--variant', 'psk'],
      ['cancel', '--config', config],
    ];
    await Promise.all(
      wrong.map(async (args) => {
        const { code, out, err } = await gba(['change', ...args]);
        assert.deepEqual([code, out, err.trimEnd().split('\n').length], [2, '', 1], `${args.join(' ')}: ${err}`);
      }),
    );
    const unknown = await gba(['change', 'start', '--config', config, '--machine', 'a']);
    assert.deepEqual([unknown.code, unknown.out], [2, '']);
    assert.match(unknown.err, /--machine-url <url>' is needed/);
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
