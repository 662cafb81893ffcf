import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '../../src/base/index.ts';
import {
  type ChangeEvent,
  type ChangeState,
  changeFlow,
  isActive,
  isBeforeDiscard,
} from '../../src/m2me/change-flow.ts';

const impossible = (state: ChangeState, event: ChangeEvent) =>
  assert.throws(
    () => changeFlow.next(state, event),
    (error: unknown) => codeOf(error) === 'invalid-transition',
    `${state} ${event}`,
  );

const AFTER_DISCARD = changeFlow.states.filter((state) => !isBeforeDiscard(state));
const EVENTS = [...new Set(changeFlow.transitions.map(({ on }) => on))];

test('from the point of no return on, nothing cancels, refuses or supersedes', () => {
  for (const state of AFTER_DISCARD) {
    for (const event of ['cancel', 'refuse', 'supersede', 'delivery-dropped'] as const) impossible(state, event);
  }
});

test('nothing is discarded before a package is stored', () => {
  for (const state of changeFlow.states) if (state !== 'stored') impossible(state, 'discard');
});

test('nothing becomes active before the old credentials are erased', () => {
  for (const state of ['announced', 'attested', 'downloading', 'stored', 'discarding', 'discarded'] as const) {
    impossible(state, 'activated');
  }
});

test('no release without an acknowledgement, no result before activation', () => {
  impossible('discarded', 'release');
  impossible('active-owing-9', 'release');
  impossible('active-owing-9', 'result-taken');
  impossible('released', 'result-taken');
});

test('nothing leaves a final state', () => {
  for (const state of changeFlow.final) for (const event of EVENTS) impossible(state, event);
});

test('every state after the point of no return reaches `finished`, and no other end', () => {
  for (const start of AFTER_DISCARD) {
    if (changeFlow.isFinal(start)) continue;
    const reached = new Set<ChangeState>([start]);
    for (const state of reached) {
      for (const event of EVENTS) if (changeFlow.can(state, event)) reached.add(changeFlow.next(state, event));
    }
    assert.deepEqual(
      [...reached].filter((state) => changeFlow.isFinal(state)),
      ['finished'],
    );
  }
});

test('active means: only messages are left', () => {
  for (const state of changeFlow.states.filter(isActive)) impossible(state, 'activated');
});
