import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { silentLog, systemRandom } from '../../src/base/index.ts';
import { createOutbox, type Delivery, enqueue } from '../../src/flow/index.ts';
import { createMemoryStore, type Store } from '../../src/store/index.ts';
import { message, settable } from './support.ts';

test('a store that failed once does not stop the sending', async () => {
  const clock = settable();
  const memory = createMemoryStore(clock);
  let failures = 1;
  const store: Store = {
    ...memory,
    async list(space, options) {
      if (failures-- > 0) throw new TypeError('disk fell off');
      return await memory.list(space, options);
    },
  };
  let tell = () => {};
  const delivered = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const deliver = async (): Promise<Delivery> => {
    tell();
    return 'done';
  };
  const outbox = createOutbox({ store, clock, random: systemRandom, log: silentLog, deliver });
  await store.commit([enqueue(message('a'))]);
  outbox.kick();
  const keepAlive = setInterval(() => {}, 1_000);
  await delivered;
  clearInterval(keepAlive);
  await outbox.close();
});

/** Timers that never ring by themselves; `ring` does, and says after how long it would have been. */
function handTimers() {
  let set: { ms: number; act: () => void } | undefined;
  return {
    after(ms: number, act: () => void) {
      const mine = { ms, act };
      set = mine;
      return () => {
        if (set === mine) set = undefined;
      };
    },
    ring(): number {
      const { ms, act } = set ?? assert.fail('nobody waits');
      set = undefined;
      act();
      return ms;
    },
  };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await setImmediate();
};

test('a store that fails is tried again after the first wait, then ever more seldom', async () => {
  const clock = settable();
  const memory = createMemoryStore(clock);
  let failures = 5;
  const store: Store = {
    ...memory,
    async list(space, options) {
      if (failures-- > 0) throw new TypeError('disk fell off');
      return await memory.list(space, options);
    },
  };
  const timers = handTimers();
  const random = { bytes: (n: number) => Buffer.alloc(n, 255) };
  let delivered = 0;
  const deliver = async (): Promise<Delivery> => {
    delivered++;
    return 'done';
  };
  const outbox = createOutbox({ store, clock, random, timers, log: silentLog, deliver });
  await memory.commit([enqueue(message('a'))]);
  outbox.kick();
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    await turns();
    waits.push(timers.ring());
  }
  await turns();
  assert.deepEqual(waits, [200, 400, 800, 1_600, 3_200]);
  assert.equal(delivered, 1);
  await outbox.close();
});

test('a store that takes no writes does not make the receiver hear a message over and over', async () => {
  const clock = settable();
  const memory = createMemoryStore(clock);
  let broken = false;
  const store: Store = {
    ...memory,
    async commit(ops) {
      if (broken) throw new TypeError('disk is full');
      return await memory.commit(ops);
    },
  };
  const timers = handTimers();
  const random = { bytes: (n: number) => Buffer.alloc(n, 255) };
  let delivered = 0;
  const deliver = async (): Promise<Delivery> => {
    delivered++;
    return 'done';
  };
  const outbox = createOutbox({ store, clock, random, timers, log: silentLog, deliver });
  await store.commit([enqueue(message('a'))]);
  broken = true;
  outbox.kick();
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    await turns();
    waits.push(timers.ring());
  }
  await turns();
  assert.deepEqual(waits, [200, 400, 800, 1_600]);
  assert.equal(delivered, 5, 'once a wait');
  broken = false;
  timers.ring();
  await turns();
  assert.deepEqual(await memory.list('outbox'), []);
  broken = true;
  await memory.commit([enqueue(message('b'))]);
  outbox.kick();
  await turns();
  assert.equal(timers.ring(), 200, 'after a success the waits begin anew');
  await outbox.close();
});

test('closing waits for answers a while, then has the attempts cut off; the message stays', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  const timers = handTimers();
  let cutOff = () => {};
  const deliver = () =>
    new Promise<Delivery>((_, reject) => {
      cutOff = () => reject(new TypeError('the client was closed'));
    });
  const outbox = createOutbox({ store, clock, random: systemRandom, timers, log: silentLog, deliver });
  await store.commit([enqueue(message('a'))]);
  outbox.kick();
  await turns();
  let closed = false;
  const closing = outbox
    .close(() => cutOff())
    .then(() => {
      closed = true;
    });
  await turns();
  assert.equal(closed, false);
  assert.equal(timers.ring(), 1_000);
  await closing;
  assert.equal((await store.list('outbox')).length, 1);
});
