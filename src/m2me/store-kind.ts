import { z } from 'zod';
import { OUTBOX } from '../flow/index.ts';
import { leftOut, type StoreKind } from '../store/index.ts';
import { CHANGE_SPACE, MACHINE_SPACE } from './journal.ts';

const record = leftOut(z.looseObject({ v: z.literal(1) }));

export const m2meStoreKind: StoreKind = {
  noBackup: 'the store of a machine goes with its TRE: a copy would bring back what it has discarded',
  spaces: { [MACHINE_SPACE]: record, [CHANGE_SPACE]: record, [OUTBOX]: leftOut(z.looseObject({ id: z.string() })) },
};
