import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { backoffMs, silentLog, systemRandom, type Timers } from '../../src/base/index.ts';
import { createOutbox, type Delivery, dequeue, enqueue, type OutboxMessage } from '../../src/flow/index.ts';
import { createMemoryStore, openLmdbStore } from '../../src/store/index.ts';
import { message, settable } from './support.ts';

test('a message is sent until it is answered, and never again after that', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  const sent: string[] = [];
  const answers = ['retry', 'throw', 'done'];
  const outbox = createOutbox({
    store,
    clock,
    random: systemRandom,
    log: silentLog,
    async deliver(m) {
      sent.push(m.id);
      const answer = answers.shift();
      if (answer === 'throw') throw new TypeError('peer fell over');
      return answer === 'retry' ? 'retry' : 'done';
    },
  });
  await store.commit([enqueue(message('a'))]);
  await outbox.flush();
  await outbox.flush();
  assert.deepEqual(sent, ['a'], 'not tried again before it is due');
  for (let i = 0; i < 4; i++) {
    clock.at += 120_000;
    await outbox.flush();
  }
  assert.deepEqual(sent, ['a', 'a', 'a']);
  assert.deepEqual(await store.list('outbox'), []);
  await outbox.close();
});

test('what was queued before a restart is sent after it', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  await store.commit([enqueue(message('a')), enqueue(message('b'))]);
  const sent: string[] = [];
  const outbox = createOutbox({
    store,
    clock,
    random: systemRandom,
    log: silentLog,
    async deliver(m) {
      sent.push(m.id);
      return 'done';
    },
  });
  await outbox.flush();
  assert.deepEqual(sent.sort(), ['a', 'b']);
  await outbox.close();
});

test('what was queued when the process ended is sent by the next one, from the same lmdb store', async () => {
  const clock = settable();
  const path = mkdtempSync(join(tmpdir(), 'gba-outbox-'));
  const sent: string[] = [];
  const open = async (answer: Delivery) => {
    const store = openLmdbStore(path, clock);
    const deliver = async (m: OutboxMessage) => {
      sent.push(m.id);
      return answer;
    };
    const outbox = createOutbox({ store, clock, random: systemRandom, log: silentLog, deliver });
    return { store, outbox };
  };
  const first = await open('retry');
  await first.store.commit([enqueue(message('a')), enqueue(message('b'))]);
  await first.outbox.flush();
  await first.outbox.close();
  await first.store.close();
  assert.deepEqual(sent.sort(), ['a', 'b']);

  const second = await open('done');
  await second.outbox.flush();
  assert.equal(sent.length, 2, 'the wait goes on over a restart');
  clock.at += 60_000;
  await second.outbox.flush();
  assert.deepEqual(sent.sort(), ['a', 'a', 'b', 'b']);
  clock.at += 120_000;
  await second.outbox.flush();
  assert.equal(sent.length, 4, 'nothing is sent again after it was answered');
  await second.outbox.close();
  await second.store.close();
  rmSync(path, { recursive: true });
});

test('a receiver that does not answer holds up its own messages only', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  const sent: string[] = [];
  let letGo = () => {};
  const hung = new Promise<Delivery>((resolve) => {
    letGo = () => resolve('retry');
  });
  const deliver = async (m: OutboxMessage): Promise<Delivery> => {
    sent.push(m.id);
    return m.to === 'dead' ? await hung : 'done';
  };
  const outbox = createOutbox({ store, clock, random: systemRandom, log: silentLog, deliver });
  const dead = Array.from({ length: 40 }, (_, i) => enqueue({ ...message(`dead-${i}`), to: 'dead' }));
  await store.commit(dead);
  outbox.kick();
  await setImmediate();
  const waiting = sent.length;
  assert.ok(waiting > 0 && waiting < 40, 'not all at once');
  await store.commit([enqueue(message('live'))]);
  outbox.kick();
  for (let i = 0; i < 20 && (await store.get('outbox', 'live')) !== undefined; i++) await setImmediate();
  assert.equal(await store.get('outbox', 'live'), undefined);
  letGo();
  await outbox.flush();
  assert.equal(sent.filter((id) => id.startsWith('dead')).length, 40, 'each was tried once');
  await outbox.close();
});

test('a clock set back does not keep a message waiting', async () => {
  const clock = settable();
  clock.at = 10_000_000;
  const store = createMemoryStore(clock);
  let attempts = 0;
  const deliver = async (): Promise<Delivery> => (++attempts === 1 ? 'retry' : 'done');
  const outbox = createOutbox({ store, clock, random: systemRandom, log: silentLog, deliver });
  await store.commit([enqueue(message('a'))]);
  await outbox.flush();
  clock.at = 1_000;
  await outbox.flush();
  assert.equal(attempts, 2);
  await outbox.close();
});

test('a message that nobody kicked for is found all the same', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  const sent: string[] = [];
  const deliver = async (m: OutboxMessage): Promise<Delivery> => {
    sent.push(m.id);
    return 'done';
  };
  let ring = () => {};
  const timers: Timers = {
    after(_ms, act) {
      ring = act;
      return () => {};
    },
  };
  const outbox = createOutbox({ store, clock, random: systemRandom, timers, log: silentLog, deliver });
  await outbox.flush();
  await store.commit([enqueue(message('a'))]);
  ring();
  await setImmediate();
  assert.deepEqual(sent, ['a']);
  await outbox.close();
});

test('a message is not sent twice by kicks that come together', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  const sent: string[] = [];
  const deliver = async (m: OutboxMessage): Promise<Delivery> => {
    sent.push(m.id);
    await setImmediate();
    return 'done';
  };
  const outbox = createOutbox({ store, clock, random: systemRandom, log: silentLog, deliver });
  await store.commit([enqueue(message('a')), enqueue(message('b'))]);
  for (let i = 0; i < 5; i++) outbox.kick();
  await Promise.all([outbox.flush(), outbox.flush()]);
  assert.deepEqual(sent.sort(), ['a', 'b']);
  await outbox.close();
});

test('what closing interrupts is answered first and not begun anew', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  let answered = false;
  const deliver = async (): Promise<Delivery> => {
    await setImmediate();
    answered = true;
    return 'done';
  };
  const outbox = createOutbox({ store, clock, random: systemRandom, log: silentLog, deliver });
  await store.commit([enqueue(message('a'))]);
  outbox.kick();
  await setImmediate();
  await outbox.close();
  assert.equal(answered, true);
  assert.deepEqual(await store.list('outbox'), []);
  await store.commit([enqueue(message('b'))]);
  outbox.kick();
  await outbox.flush();
  assert.equal((await store.list('outbox')).length, 1, 'a closed outbox sends nothing');
});

test('a message taken back is not sent', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  await store.commit([enqueue(message('a'))]);
  await store.commit([dequeue('a')]);
  const outbox = createOutbox({
    store,
    clock,
    random: systemRandom,
    log: silentLog,
    deliver: async () => assert.fail('was taken back'),
  });
  await outbox.flush();
  await outbox.close();
});

test('a message queued anew under its id while the old one is under way is not lost', async () => {
  const clock = settable();
  const store = createMemoryStore(clock);
  const bodies: unknown[] = [];
  const outbox = createOutbox({
    store,
    clock,
    random: systemRandom,
    log: silentLog,
    async deliver(m) {
      bodies.push(m.json);
      if (bodies.length === 1) await store.commit([enqueue({ ...m, json: 'newer' })]);
      return 'done';
    },
  });
  await store.commit([enqueue({ ...message('a'), json: 'older' })]);
  await outbox.flush();
  await outbox.flush();
  assert.deepEqual(bodies, ['older', 'newer']);
  await outbox.close();
});

test('the wait doubles, keeps to its limit and is spread', () => {
  const low = { bytes: (n: number) => Buffer.alloc(n, 0) };
  const high = { bytes: (n: number) => Buffer.alloc(n, 255) };
  const times = { firstMs: 200, longestMs: 60_000 };
  assert.equal(backoffMs(1, low, times), 100);
  assert.equal(backoffMs(1, high, times), 200);
  assert.equal(backoffMs(4, high, times), 1_600);
  assert.equal(backoffMs(30, high, times), 60_000);
});
