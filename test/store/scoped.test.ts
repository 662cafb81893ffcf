import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore, scopedStore } from '../../src/store/index.ts';

const clock = { at: 1_000, now: () => clock.at };

test('a scope sees, lists, writes and deletes its own keys only, in their order, page by page', async () => {
  const whole = createMemoryStore(clock);
  const near = ['m-', 'm-11', 'm-2'].map((scope) => scopedStore(whole, scope));
  for (const one of near) await one.commit(['a', 'b', 'c'].map((key) => ({ space: 's', key, put: 'near' })));
  const own = scopedStore(whole, 'm-1');
  assert.equal(await own.get('s', 'a'), undefined);
  assert.equal(await own.commit([{ space: 's', key: 'a', expect: 0, put: 1 }]), true);
  assert.equal(await own.commit([{ space: 's', key: 'a', expect: 0, put: 2 }]), false);
  await own.commit(['ab', 'b', 'é'].map((key) => ({ space: 's', key, put: key })));
  const keys = async (options = {}) => (await own.list('s', options)).map(({ key }) => key);
  assert.deepEqual(await keys(), ['a', 'ab', 'b', 'é']);
  assert.deepEqual(await keys({ prefix: 'a' }), ['a', 'ab']);
  assert.deepEqual(await keys({ after: 'a', limit: 2 }), ['ab', 'b']);
  await own.commit([{ space: 's', key: 'a', delete: true }]);
  assert.deepEqual(await keys({ limit: 1 }), ['ab']);
  for (const one of near) assert.equal((await one.list('s')).length, 3);
});

test('what expires in a scope is absent there, and is swept by the owner of the whole', async () => {
  const whole = createMemoryStore(clock);
  const own = scopedStore(whole, 'm-1');
  await own.commit([{ space: 's', key: 'k', put: 1, expiresAt: clock.at + 10 }]);
  clock.at += 11;
  assert.equal(await own.get('s', 'k'), undefined);
  assert.equal(await own.sweep(), 0);
  assert.equal(await whole.sweep(), 1);
});

test('no key stays no key: an empty one is refused, not taken for the scope itself', async () => {
  const own = scopedStore(createMemoryStore(clock), 'm-1');
  await assert.rejects(own.commit([{ space: 's', key: '', put: 1 }]));
  assert.equal(await own.get('s', ''), undefined);
});
