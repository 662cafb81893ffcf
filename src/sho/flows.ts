import { defineFlow } from '../flow/index.ts';

export type ReleaseState = 'issued' | 'letting-go' | 'gone' | 'returned';
export type ReleaseEvent = 'unregistration' | 'removed' | 'return';

/** A release at the old SHO: issued (0), unregistration taken (9), HSS and BSF empty and acknowledged (10). */
export const releaseFlow = defineFlow<ReleaseState, ReleaseEvent>({
  name: 'sho-release',
  initial: 'issued',
  states: ['issued', 'letting-go', 'gone', 'returned'],
  transitions: [
    { from: 'issued', on: 'unregistration', to: 'letting-go', step: 9 },
    { from: 'letting-go', on: 'removed', to: 'gone', step: 10 },
    { from: 'issued', on: 'return', to: 'returned' },
  ],
  final: ['gone', 'returned'],
});

export type OrderState =
  | 'validating'
  | 'preparing'
  | 'delivering'
  | 'delivered'
  | 'released'
  | 'registering'
  | 'done'
  | 'failed'
  | 'refused';
export type OrderEvent =
  | 'validation-positive'
  | 'validation-negative'
  | 'packaged'
  | 'delivery-taken'
  | 'delivery-refused'
  | 'machine-refused'
  | 'release-shown'
  | 'result-success'
  | 'result-failure'
  | 'registered';

/** An order at the new SHO. After the release was shown (11) there is no way back to `refused`. */
export const orderFlow = defineFlow<OrderState, OrderEvent>({
  name: 'sho-order',
  initial: 'validating',
  states: [
    'validating',
    'preparing',
    'delivering',
    'delivered',
    'released',
    'registering',
    'done',
    'failed',
    'refused',
  ],
  transitions: [
    { from: 'validating', on: 'validation-positive', to: 'preparing', step: 5 },
    { from: 'validating', on: 'validation-negative', to: 'refused', step: 5 },
    { from: 'preparing', on: 'packaged', to: 'delivering', step: 6 },
    { from: 'delivering', on: 'delivery-taken', to: 'delivered', step: 6 },
    { from: 'delivering', on: 'delivery-refused', to: 'refused' },
    { from: ['delivering', 'delivered'], on: 'machine-refused', to: 'refused' },
    { from: ['delivering', 'delivered'], on: 'release-shown', to: 'released', step: 11 },
    { from: 'released', on: 'result-success', to: 'registering', step: 13 },
    { from: 'released', on: 'result-failure', to: 'failed', step: 13 },
    { from: 'registering', on: 'registered', to: 'done', step: 14 },
  ],
  final: ['done', 'refused', 'failed'],
});
