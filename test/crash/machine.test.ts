import { test } from 'node:test';
import { killThrough } from './chain.ts';

test('I8: the machine is killed before, within and after every durable write of a change, and ends as it must', async (t) => {
  t.diagnostic(`kills: ${await killThrough(['m2me'])}`);
});
