import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineFlow } from '../../src/flow/index.ts';

test('a flow knows the transitions of its table and no other', () => {
  const flow = defineFlow<'open' | 'busy' | 'done', 'start' | 'end'>({
    name: 'demo',
    initial: 'open',
    states: ['open', 'busy', 'done'],
    transitions: [
      { from: 'open', on: 'start', to: 'busy' },
      { from: ['open', 'busy'], on: 'end', to: 'done' },
    ],
    final: ['done'],
  });
  assert.equal(flow.next('open', 'start'), 'busy');
  assert.equal(flow.can('busy', 'start'), false);
  assert.throws(() => flow.next('busy', 'start'), {
    code: 'invalid-transition',
    message: "flow demo: 'start' is not possible in 'busy' (allowed: end)",
  });
  assert.throws(() => flow.next('done', 'end'), { code: 'invalid-transition' });
});

test('a table that contradicts itself is refused when it is made', () => {
  const make = (from: 'a' | 'b', to: 'a' | 'b') =>
    defineFlow<'a' | 'b', 'x'>({
      name: 'bad',
      initial: 'a',
      states: ['a', 'b'],
      transitions: [
        { from: 'a', on: 'x', to: 'b' },
        { from, on: 'x', to },
      ],
      final: ['b'],
    });
  assert.throws(() => make('a', 'a'), { code: 'flow-table-invalid' });
  assert.throws(() => make('b', 'a'), { code: 'flow-table-invalid' });
});

test('every pair of state and event that the table does not name is refused, and named in the refusal', () => {
  const states = ['open', 'busy', 'done'] as const;
  const events = ['start', 'end', 'cancel'] as const;
  const flow = defineFlow<(typeof states)[number], (typeof events)[number]>({
    name: 'demo',
    initial: 'open',
    states,
    transitions: [
      { from: 'open', on: 'start', to: 'busy', step: 3 },
      { from: 'busy', on: 'end', to: 'done', step: 4 },
      { from: ['open', 'busy'], on: 'cancel', to: 'done' },
    ],
    final: ['done'],
  });
  const named = new Set(['open start', 'busy end', 'open cancel', 'busy cancel']);
  for (const state of states) {
    for (const event of events) {
      assert.equal(flow.can(state, event), named.has(`${state} ${event}`));
      if (named.has(`${state} ${event}`)) continue;
      assert.throws(
        () => flow.next(state, event),
        (error: Error & { code?: string }) =>
          error.code === 'invalid-transition' && error.message.includes(`'${event}'`) && error.message.includes(state),
      );
    }
  }
  assert.deepEqual(states.map(flow.isFinal), [false, false, true]);
});

test('a state or an event that no table has is refused like any other', () => {
  const flow = defineFlow<string, string>({
    name: 'demo',
    initial: 'a',
    states: ['a', 'b'],
    transitions: [{ from: 'a', on: 'x', to: 'b' }],
    final: ['b'],
  });
  for (const [state, event] of [
    ['c', 'x'],
    ['a', 'toString'],
    ['__proto__', 'x'],
  ] as const) {
    assert.throws(() => flow.next(state, event), { code: 'invalid-transition' });
  }
});

test('a table with an unknown first or last state is refused when it is made', () => {
  const base = { name: 'bad', states: ['a', 'b'], transitions: [{ from: 'a', on: 'x', to: 'b' }] };
  assert.throws(() => defineFlow({ ...base, initial: 'c', final: ['b'] }), { code: 'flow-table-invalid' });
  assert.throws(() => defineFlow({ ...base, initial: 'a', final: ['c'] }), { code: 'flow-table-invalid' });
});
