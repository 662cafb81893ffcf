import { z } from 'zod';
import { restoredSqn } from '../aka/index.ts';
import { type Store, type StoreKind, space } from '../store/index.ts';
import { contextOf, type SubscriberRecord } from './subscriber.ts';

export const SUBSCRIBER = 'subscriber';
export const STATE = 'hss-state';
/** Beside the subscriber: a change of settings must not touch the sequence number, nor a vector the settings. Key: IMPI. */
export const SETTINGS = 'hss-guss';
const PAGE = 256;

const generatorSchema = z.discriminatedUnion('scheme', [
  z.looseObject({ scheme: z.literal('counter'), indBits: z.int(), seq: z.int(), ind: z.int() }),
  z.looseObject({ scheme: z.literal('time'), indBits: z.int(), dif: z.int(), last: z.int() }),
]);
const subscriberRecordSchema = z.looseObject({
  v: z.literal(1),
  impi: z.string(),
  sealedKeys: z.string(),
  amf: z.string(),
  sqn: generatorSchema,
  guss: z.looseObject({}).optional(),
});

/**
 * Sequence numbers go on above all that the lost HSS may have given. A subscriber may have been removed since, whose machine
 * has gone to another operator: each waits until somebody confirms it.
 */
export const hssStoreKind: StoreKind = {
  spaces: {
    [SUBSCRIBER]: space<SubscriberRecord>(subscriberRecordSchema, {
      seals: (_, { impi, sealedKeys }) => [{ sealed: sealedKeys, context: contextOf(impi) }],
      restore: (record, times) => ({
        ...record,
        sqn: restoredSqn(record.sqn, times),
        restored: times.restoredAt,
      }),
    }),
    [STATE]: space(z.looseObject({ v: z.literal(1) })),
    // Their times may be older than a BSF's copies: any other time than the copy's has them sent.
    [SETTINGS]: space(z.looseObject({ v: z.literal(1), guss: z.looseObject({}), changedAt: z.number() })),
  },
  async confirm(store) {
    let count = 0;
    let after: string | undefined;
    for (;;) {
      const page = await store.list<SubscriberRecord>(SUBSCRIBER, {
        limit: PAGE,
        ...(after !== undefined && { after }),
      });
      for (const { key, value } of page) if (value.restored !== undefined && (await confirmOne(store, key))) count++;
      after = page.at(-1)?.key;
      if (page.length < PAGE || after === undefined) return count;
    }
  },
};

/** From now on a restored subscriber gets vectors. False: there is no such subscriber. */
export async function confirmOne(store: Store, impi: string): Promise<boolean> {
  for (;;) {
    const entry = await store.get<SubscriberRecord>(SUBSCRIBER, impi);
    if (entry === undefined) return false;
    const { restored, ...put } = entry.value;
    if (restored === undefined) return true;
    if (await store.commit([{ space: SUBSCRIBER, key: impi, expect: entry.version, put }])) return true;
  }
}
