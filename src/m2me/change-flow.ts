import { defineFlow } from '../flow/index.ts';

/**
 * One operator change as the machine sees it. `discarding` is the point of no return: every state before it can still go
 * to `returned`, `refused` or `superseded`, every state after it only forward. After self-activation the machine owes the
 * old operator or the RO the messages that they did not answer before; the state names the next one. When the new
 * subscription cannot be activated, the RO hears of it (13) and the machine waits for a corrected package.
 */
export type ChangeState =
  | 'announced'
  | 'attested'
  | 'downloading'
  | 'stored'
  | 'discarding'
  | 'discarded'
  | 'acknowledged'
  | 'released'
  | 'activating-owing-9'
  | 'activating-owing-11'
  | 'active-owing-9'
  | 'active-owing-11'
  | 'active-owing-13'
  | 'failed-owing-9'
  | 'failed-owing-11'
  | 'failed-owing-13'
  | 'failed'
  | 'finished'
  | 'returned'
  | 'refused'
  | 'superseded';

export type ChangeEvent =
  | 'quoted'
  | 'token-accepted'
  | 'delivery-dropped'
  | 'early-delivery-dropped'
  | 'package-stored'
  | 'package-present'
  | 'discard'
  | 'erased'
  | 'acknowledgement'
  | 'release'
  | 'grace-over'
  | 'activated'
  | 'activation-failed'
  | 'failure-taken'
  | 'correction-stored'
  | 'result-taken'
  | 'cancel'
  | 'refuse'
  | 'supersede';

const BEFORE_DISCARD = ['announced', 'attested', 'downloading', 'stored'] as const;

export const changeFlow = defineFlow<ChangeState, ChangeEvent>({
  name: 'm2me-change',
  initial: 'announced',
  states: [
    ...BEFORE_DISCARD,
    'discarding',
    'discarded',
    'acknowledged',
    'released',
    'activating-owing-9',
    'activating-owing-11',
    'active-owing-9',
    'active-owing-11',
    'active-owing-13',
    'failed-owing-9',
    'failed-owing-11',
    'failed-owing-13',
    'failed',
    'finished',
    'returned',
    'refused',
    'superseded',
  ],
  transitions: [
    { from: ['announced', 'attested'], on: 'quoted', to: 'attested', step: 4 },
    { from: ['announced', 'attested'], on: 'token-accepted', to: 'downloading' },
    { from: 'downloading', on: 'delivery-dropped', to: 'attested' },
    { from: 'downloading', on: 'early-delivery-dropped', to: 'announced' },
    { from: 'downloading', on: 'package-stored', to: 'stored', step: 7 },
    { from: ['announced', 'attested'], on: 'package-present', to: 'stored', step: 7 },
    { from: 'stored', on: 'discard', to: 'discarding' },
    { from: 'discarding', on: 'erased', to: 'discarded', step: 8 },
    { from: 'discarded', on: 'acknowledgement', to: 'acknowledged', step: 9 },
    { from: 'acknowledged', on: 'release', to: 'released', step: 11 },
    { from: 'released', on: 'activated', to: 'active-owing-13', step: 12 },
    { from: 'discarded', on: 'grace-over', to: 'activating-owing-9' },
    { from: 'acknowledged', on: 'grace-over', to: 'activating-owing-11' },
    { from: 'activating-owing-9', on: 'activated', to: 'active-owing-9', step: 12 },
    { from: 'activating-owing-11', on: 'activated', to: 'active-owing-11', step: 12 },
    { from: 'released', on: 'activation-failed', to: 'failed-owing-13' },
    { from: 'activating-owing-9', on: 'activation-failed', to: 'failed-owing-9' },
    { from: 'activating-owing-11', on: 'activation-failed', to: 'failed-owing-11' },
    { from: 'failed-owing-9', on: 'acknowledgement', to: 'failed-owing-11', step: 9 },
    { from: 'failed-owing-11', on: 'release', to: 'failed-owing-13', step: 11 },
    { from: 'failed-owing-13', on: 'failure-taken', to: 'failed', step: 13 },
    { from: 'failed', on: 'correction-stored', to: 'released', step: 7 },
    { from: 'active-owing-9', on: 'acknowledgement', to: 'active-owing-11', step: 9 },
    { from: 'active-owing-11', on: 'release', to: 'active-owing-13', step: 11 },
    { from: 'active-owing-13', on: 'result-taken', to: 'finished', step: 13 },
    { from: BEFORE_DISCARD, on: 'cancel', to: 'returned' },
    { from: BEFORE_DISCARD, on: 'refuse', to: 'refused' },
    { from: BEFORE_DISCARD, on: 'supersede', to: 'superseded' },
  ],
  final: ['finished', 'returned', 'refused', 'superseded'],
});

/** The machine may still say no, and all is as before. */
export function isBeforeDiscard(state: ChangeState): boolean {
  return changeFlow.can(state, 'cancel');
}

/** The new subscription is in use; what is left are messages. */
export function isActive(state: ChangeState): boolean {
  return state.startsWith('active-owing-') || state === 'finished';
}
