import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../src/base/index.ts';
import { createPace } from '../../src/bsf/pace.ts';

function paceAt() {
  const time = { at: 0, waited: [] as number[] };
  const pace = createPace(systemRandom, {
    now: () => time.at,
    wait: (ms) => {
      time.waited.push(ms);
      return Promise.resolve();
    },
  });
  return { time, pace };
}

test('an answer of no use takes as long as a real one took', async () => {
  const { time, pace } = paceAt();
  const real = pace.start();
  time.at += 12.5;
  real.took();
  const none = pace.start();
  time.at += 2;
  await none.match();
  assert.deepEqual(time.waited, [10]);
});

test('nothing to match, or nothing left to wait: no waiting; one stuck answer does not hold others for long', async () => {
  const { time, pace } = paceAt();
  await pace.start().match();
  const stuck = pace.start();
  time.at += 60_000;
  stuck.took();
  const slow = pace.start();
  time.at += 1_000;
  await slow.match();
  assert.deepEqual(time.waited, []);
  await pace.start().match();
  assert.deepEqual(time.waited, [1_000]);
});
