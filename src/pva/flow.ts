import { defineFlow } from '../flow/index.ts';

export type ValidationState = 'asked' | 'positive' | 'negative';
export type ValidationEvent = 'quote-good' | 'quote-bad';

/** One validation at the PVA: asked by a new SHO (3), judged once (5). */
export const validationFlow = defineFlow<ValidationState, ValidationEvent>({
  name: 'pva-validation',
  initial: 'asked',
  states: ['asked', 'positive', 'negative'],
  transitions: [
    { from: 'asked', on: 'quote-good', to: 'positive', step: 5 },
    { from: 'asked', on: 'quote-bad', to: 'negative', step: 5 },
  ],
  final: ['positive', 'negative'],
});
