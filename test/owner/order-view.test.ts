import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeFlow } from '../../src/m2me/change-flow.ts';
import { type Progress, type Told, viewOf } from '../../src/owner/index.ts';

const SERIAL = 'aa'.repeat(16);
const ordered: Progress = { to: 'sho-b.test', serial: SERIAL, token: 'x', orderId: 'o', instructed: true };
const machineAt = (state: string, more: object = {}): Told['machine'] => ({
  m2meId: 'm',
  operator: state === 'finished' ? 'sho-b.test' : 'sho-a.test',
  nextPollAt: Date.UTC(2027, 0, 1, 0, 0, 9),
  change: { serial: SERIAL, state, number: 1, since: Date.UTC(2027, 0, 1), ...more },
});
const orderAt = (state: string, more: object = {}): Told['order'] => ({ orderId: 'o', state, ...more });
const look = (progress: Progress, told: Partial<Told>) =>
  viewOf('m', progress, { release: undefined, order: undefined, machine: undefined, ...told }, 'sho-b.test');
const doneOf = (view: ReturnType<typeof look>) => view.steps.filter(({ state }) => state === 'done').map((s) => s.step);

test('what the owner has not done yet is what it waits for', () => {
  assert.deepEqual(look({ to: 'sho-b.test' }, {}).waiting, { for: 'owner', step: 0 });
  assert.deepEqual(look({ to: 'sho-b.test', serial: SERIAL, token: 'x' }, {}).waiting, { for: 'owner', step: 1 });
  assert.deepEqual(look({ ...ordered, instructed: false }, {}).waiting, { for: 'owner', step: 2 });
});

test('before the point of no return the new operator says what is waited for, with its tries', () => {
  const waiting = { for: 'pva', step: 3, attempts: 4, nextAttemptAt: '2027-01-01T00:00:05Z' };
  const since = '2027-01-01T00:00:00Z';
  const view = look(ordered, {
    order: orderAt('validating', { waiting, since, steps: [{ step: 1, at: since }] }),
    machine: machineAt('announced'),
  });
  assert.deepEqual(view.waiting, { ...waiting, since });
  assert.deepEqual(doneOf(view), [0, 1, 2]);
  assert.equal(view.steps[1]?.at, since);
  assert.equal(view.steps[3]?.state, 'waiting');
});

test('a machine that is waited for says when it looks next, and why it took nothing', () => {
  const order = orderAt('delivered', { waiting: { for: 'machine', step: 7 }, steps: [{ step: 6, at: 'x' }] });
  const view = look(ordered, { order, machine: machineAt('attested', { lastRefusal: 'package-unavailable' }) });
  assert.deepEqual(view.waiting, { for: 'machine', step: 7, nextAttemptAt: '2027-01-01T00:00:09Z' });
  assert.equal(view.lastRefusal, 'package-unavailable');
});

test('after it the machine says whom it waits for, also when the new operator knows nothing of it yet', () => {
  const order = orderAt('delivered', { waiting: { for: 'machine', step: 7 } });
  const view = look(ordered, { order, machine: machineAt('discarded'), release: 'issued' });
  assert.equal(view.waiting?.for, 'old-operator');
  assert.equal(view.waiting?.step, 9);
  assert.equal(view.waiting?.since, '2027-01-01T00:00:00Z');
  assert.deepEqual(doneOf(view), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('ends: done with every step, refused and returned with their reasons', () => {
  const done = look(ordered, { order: orderAt('done'), machine: machineAt('finished') });
  assert.deepEqual([done.outcome, doneOf(done).length, done.waiting], ['done', 15, undefined]);
  const refused = look(ordered, { order: orderAt('refused', { reason: 'token-expired' }) });
  assert.deepEqual([refused.outcome, refused.reason, refused.waiting], ['refused', 'token-expired', undefined]);
  const returned = look(ordered, {
    order: orderAt('validating', { waiting: { for: 'machine', step: 4 } }),
    machine: machineAt('returned', { reason: 'cancelled' }),
  });
  assert.deepEqual([returned.outcome, returned.reason], ['returned', 'cancelled']);
});

test('every state of a machine has a place among the steps, and no step is done before those that it needs', () => {
  for (const state of changeFlow.states) {
    if (['returned', 'refused', 'superseded'].includes(state)) continue;
    const steps = doneOf(look(ordered, { order: orderAt('delivered'), machine: machineAt(state) }));
    assert.ok(steps.length >= 3, state);
    if (steps.includes(12)) assert.ok(steps.includes(8), state);
    if (steps.includes(11)) assert.ok(steps.includes(10), state);
  }
});

test('the release of the old operator is believed for what only it knows', () => {
  const order = orderAt('delivered', { waiting: { for: 'machine', step: 7 } });
  const view = look(ordered, { order, release: 'gone' });
  assert.deepEqual(doneOf(view), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});
