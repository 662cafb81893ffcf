import { z } from 'zod';
import { OUTBOX, outboxKind } from '../flow/index.ts';
import { type StoreKind, space } from '../store/index.ts';
import { validationFlow } from './flow.ts';
import { OPEN, VALIDATION } from './validations.ts';

const text = z.string().min(1);

/** Validations answer one order's nonce for a short time: an old one is of no use to anybody, and of no harm. */
export const pvaStoreKind: StoreKind = {
  spaces: {
    [VALIDATION]: space(
      z.looseObject({ v: z.literal(1), state: z.enum(validationFlow.states), orderId: text, m2meId: text, sho: text }),
    ),
    [OPEN]: space(text),
    [OUTBOX]: outboxKind(() => true),
  },
};
