import { defineFlow } from '../flow/index.ts';

export type ReleaseState = 'composed' | 'issued' | 'recalling' | 'letting-go' | 'gone' | 'returned';
export type ReleaseEvent = 'consent' | 'withdraw' | 'recall' | 'unregistration' | 'removed' | 'return';

/**
 * A release at the old SHO: claims composed, token issued (0), unregistration taken (9), HSS and BSF empty and acknowledged
 * (10). Before there is a token the SHO may withdraw; afterwards it cannot take it back alone: while it asks the machine,
 * an unregistration still counts.
 */
export const releaseFlow = defineFlow<ReleaseState, ReleaseEvent>({
  name: 'sho-release',
  initial: 'composed',
  states: ['composed', 'issued', 'recalling', 'letting-go', 'gone', 'returned'],
  transitions: [
    { from: 'composed', on: 'consent', to: 'issued', step: 0 },
    { from: 'composed', on: 'withdraw', to: 'returned' },
    { from: 'issued', on: 'recall', to: 'recalling' },
    { from: ['issued', 'recalling'], on: 'unregistration', to: 'letting-go', step: 9 },
    { from: 'letting-go', on: 'removed', to: 'gone', step: 10 },
    { from: ['issued', 'recalling'], on: 'return', to: 'returned' },
  ],
  final: ['gone', 'returned'],
});

export type OrderState =
  | 'validating'
  | 'preparing'
  | 'delivering'
  | 'delivered'
  | 'released'
  | 'correcting'
  | 'redelivering'
  | 'registering'
  | 'done'
  | 'failed'
  | 'refused';
export type OrderEvent =
  | 'validation-positive'
  | 'validation-negative'
  | 'lapsed'
  | 'packaged'
  | 'unpackable'
  | 'delivery-taken'
  | 'delivery-refused'
  | 'machine-refused'
  | 'release-shown'
  | 'result-success'
  | 'result-failure'
  | 'registered';

/**
 * An order at the new SHO. After the release was shown (11) there is no way back to `refused`: a failed activation is
 * answered with a corrected package under the same token, and `failed` means that even those did not help.
 */
export const orderFlow = defineFlow<OrderState, OrderEvent>({
  name: 'sho-order',
  initial: 'validating',
  states: [
    'validating',
    'preparing',
    'delivering',
    'delivered',
    'released',
    'correcting',
    'redelivering',
    'registering',
    'done',
    'failed',
    'refused',
  ],
  transitions: [
    { from: 'validating', on: 'validation-positive', to: 'preparing', step: 5 },
    { from: 'validating', on: 'validation-negative', to: 'refused', step: 5 },
    { from: ['validating', 'preparing'], on: 'lapsed', to: 'refused' },
    { from: 'preparing', on: 'packaged', to: 'delivering', step: 6 },
    { from: 'preparing', on: 'unpackable', to: 'refused' },
    { from: 'delivering', on: 'delivery-taken', to: 'delivered', step: 6 },
    { from: 'delivering', on: 'delivery-refused', to: 'refused' },
    { from: ['delivering', 'delivered'], on: 'machine-refused', to: 'refused' },
    { from: ['delivering', 'delivered'], on: 'release-shown', to: 'released', step: 11 },
    { from: 'released', on: 'result-success', to: 'registering', step: 13 },
    { from: 'released', on: 'result-failure', to: 'correcting', step: 13 },
    { from: 'correcting', on: 'packaged', to: 'redelivering', step: 6 },
    { from: 'correcting', on: 'unpackable', to: 'failed' },
    { from: 'redelivering', on: 'delivery-taken', to: 'released', step: 6 },
    { from: 'redelivering', on: 'delivery-refused', to: 'failed' },
    { from: 'registering', on: 'registered', to: 'done', step: 14 },
  ],
  final: ['done', 'refused', 'failed'],
});
