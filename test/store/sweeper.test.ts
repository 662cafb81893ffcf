import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { GbaError, type Log, type LogFields, silentLog } from '../../src/base/index.ts';
import { createMemoryStore, openStore, type Store } from '../../src/store/index.ts';
import { startSweeper } from '../../src/store/sweeper.ts';
import { settable } from './support.ts';

/** Lets time pass in steps, so that what a timer began goes on before the next one. */
async function pass(t: TestContext, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 10) {
    t.mock.timers.tick(10);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

test('a sweep that fails is logged by its code and tried again, not at once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let sweeps = 0;
  const store: Store = {
    ...createMemoryStore(settable(1)),
    async sweep() {
      sweeps++;
      throw new GbaError('store-unavailable', 'secret text');
    },
  };
  const lines: [string, LogFields | undefined][] = [];
  const log: Log = { ...silentLog, error: (event, fields) => lines.push([event, fields]) };
  const sweeper = startSweeper(store, log);
  await pass(t, 3_000);
  assert.equal(sweeps, 1);
  assert.deepEqual(lines, [['sweep-failed', { code: 'store-unavailable' }]]);
  await pass(t, 60_000);
  assert.equal(sweeps, 2);
  await sweeper.stop();
  await pass(t, 200_000);
  assert.equal(sweeps, 2);
});

test('an opened store is swept until it is closed, a bounded piece at a time, faster while there is much', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = settable(1_000);
  const store = await openStore({ driver: 'memory' }, clock);
  for (let i = 0; i < 5_000; i++) await store.commit([{ space: 's', key: `k${i}`, put: 1, expiresAt: 2_000 }]);
  await store.commit([{ space: 's', key: 'lasting', put: 1 }]);
  await pass(t, 2_100);
  clock.at = 2_000;
  // Each sweep takes at most a thousand: five of them, soon after each other.
  await pass(t, 2_100);
  clock.at = 1_000;
  assert.deepEqual(
    (await store.list('s')).map(({ key }) => key),
    ['lasting'],
  );
  await store.close();
});

test('closing waits for the sweep under way', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const events: string[] = [];
  let finish = (): void => undefined;
  const memory = createMemoryStore(settable(1));
  const sweeper = startSweeper(
    {
      ...memory,
      sweep: () =>
        new Promise((resolve) => {
          finish = () => {
            events.push('swept');
            resolve(0);
          };
        }),
    },
    silentLog,
  );
  await pass(t, 2_000);
  const stopped = sweeper.stop().then(() => events.push('stopped'));
  finish();
  await stopped;
  assert.deepEqual(events, ['swept', 'stopped']);
});
