import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GbaError } from '../../src/base/index.ts';
import { nextPollMs, paceBootstrap } from '../../src/m2me/pace.ts';

const low = { bytes: (n: number) => Buffer.alloc(n, 0) };
const high = { bytes: (n: number) => Buffer.alloc(n, 255) };

test('polls are spread, and after setbacks ever more seldom up to twelve times', () => {
  assert.equal(nextPollMs(1_000, 0, low), 750);
  assert.equal(nextPollMs(1_000, 0, high), 1_250);
  assert.deepEqual(
    [1, 2, 3, 4, 40].map((setbacks) => nextPollMs(1_000, setbacks, high)),
    [2_000, 4_000, 8_000, 12_000, 12_000],
  );
});

const failing = (code: string) => {
  let runs = 0;
  const clock = { at: 1_000_000, now: () => clock.at };
  const outcome: { code: string | undefined } = { code };
  const paced = paceBootstrap(
    async () => {
      runs++;
      if (outcome.code !== undefined) throw new GbaError(outcome.code, 'no');
      return 'done';
    },
    { pollMs: 1_000, clock, random: high },
  );
  return { clock, outcome, paced, runs: () => runs };
};

test('a network that gives bad vectors day and night is asked for few of them', async () => {
  const { clock, paced, runs } = failing('ub-sync-failure');
  for (const end = clock.at + 86_400_000; clock.at < end; clock.at += 1_000) await paced().catch(() => undefined);
  assert.ok(runs() >= 1_440 && runs() < 1_460, `${runs()} runs a day, one a minute at last`);
});

test('while it waits nothing is sent; a success, or a clock set back, ends the waiting', async () => {
  const { clock, outcome, paced, runs } = failing('ub-mac-failure');
  await assert.rejects(paced(), { code: 'ub-mac-failure' });
  await assert.rejects(paced(), { code: 'bootstrap-paused', retryable: true });
  assert.equal(runs(), 1);
  clock.at += 1_000;
  outcome.code = undefined;
  assert.equal(await paced(), 'done');
  assert.equal(await paced(), 'done');
  outcome.code = 'ub-refused';
  await assert.rejects(paced(), { code: 'ub-refused' });
  clock.at -= 500_000;
  await assert.rejects(paced(), { code: 'ub-refused' });
});

test('a BSF that is away costs no vector, so the next poll may try again', async () => {
  const { paced, runs } = failing('peer-unreachable');
  await assert.rejects(paced(), { code: 'peer-unreachable' });
  await assert.rejects(paced(), { code: 'peer-unreachable' });
  assert.equal(runs(), 2);
});
