import { z } from 'zod';
import { type StoreKind, space } from '../store/index.ts';
import { CERTIFICATES, LISTS, type ListRecord, REVOCATIONS, REVOKED_KEYS, SUBJECTS } from './records.ts';

const v1 = { v: z.literal(1) };
const text = z.string().min(1);

/**
 * Numbers of revocation lists go on above all that were given: at the seconds since 1970, which no portal comes near by
 * counting. The portal does not start before the store is confirmed: a list without the revocations made since would make
 * revoked certificates good again.
 */
export const pkiStoreKind: StoreKind = {
  spaces: {
    [CERTIFICATES]: space(z.looseObject({ ...v1, serial: text, subject: text, impi: text, der: text })),
    [SUBJECTS]: space(z.looseObject({ ...v1, serials: z.array(text) })),
    [REVOCATIONS]: space(z.looseObject({ ...v1, serial: text, authority: text, at: z.number() })),
    [REVOKED_KEYS]: space(z.looseObject(v1)),
    [LISTS]: space<ListRecord>(z.looseObject({ ...v1, number: z.int(), nextUpdate: z.number(), der: text }), {
      // Over, so that the next one is issued at once.
      restore: (record, { restoredAt }) => ({
        ...record,
        number: Math.max(record.number + 1, Math.floor(restoredAt / 1000)),
        nextUpdate: 0,
      }),
    }),
  },
};
