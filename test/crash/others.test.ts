import { test } from 'node:test';
import { killThrough } from './chain.ts';
import { EVERYBODY } from './world.ts';

test('I8: every other party is killed before and after every durable write of a change, which ends as it must', async (t) => {
  t.diagnostic(`kills: ${await killThrough(EVERYBODY.filter((name) => name !== 'm2me'))}`);
});
