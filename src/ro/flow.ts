import { defineFlow } from '../flow/index.ts';

export type DeliveryState = 'open' | 'offered' | 'released' | 'succeeded' | 'failed' | 'registered' | 'refused';
export type DeliveryEvent =
  | 'offer'
  | 'acknowledgement'
  | 'result-success'
  | 'result-failure'
  | 'correction'
  | 'registration'
  | 'refusal';

/**
 * A delivery at the RO: taken (6), offered (7), released (11, 12), reported (13), registered (14). After a reported failure
 * a corrected package takes the place of the first one.
 */
export const deliveryFlow = defineFlow<DeliveryState, DeliveryEvent>({
  name: 'ro-delivery',
  initial: 'open',
  states: ['open', 'offered', 'released', 'succeeded', 'failed', 'registered', 'refused'],
  transitions: [
    { from: 'open', on: 'offer', to: 'offered', step: 7 },
    { from: 'offered', on: 'acknowledgement', to: 'released', step: 11 },
    { from: ['released', 'failed'], on: 'result-success', to: 'succeeded', step: 13 },
    { from: 'released', on: 'result-failure', to: 'failed', step: 13 },
    { from: 'failed', on: 'correction', to: 'released', step: 6 },
    { from: 'succeeded', on: 'registration', to: 'registered', step: 14 },
    { from: ['open', 'offered'], on: 'refusal', to: 'refused' },
  ],
  final: ['registered', 'refused'],
});
