import { z } from 'zod';
import { leftOut, type StoreKind } from '../store/index.ts';
import { GUSS_COPIES } from './guss-copies.ts';
import { CHALLENGES, CONTEXTS, SUBSCRIPTIONS, TMPIS } from './records.ts';

const record = leftOut(z.looseObject({ v: z.literal(1) }));

/** Keys that live for hours, of subscribers who may have gone by the time they came back. */
export const bsfStoreKind: StoreKind = {
  noBackup:
    'the store of a BSF holds short-lived keys only: start it with an empty one, and phones and machines bootstrap again',
  spaces: { [CHALLENGES]: record, [CONTEXTS]: record, [SUBSCRIPTIONS]: record, [TMPIS]: record, [GUSS_COPIES]: record },
};
