import { z } from 'zod';
import { OUTBOX, outboxKind } from '../flow/index.ts';
import { leftOut, type Store, type StoreKind, space } from '../store/index.ts';
import { deliveryFlow } from './flow.ts';
import { pinContext } from './pins.ts';
import {
  DELIVERY,
  type DeliveryRecord,
  OPEN,
  ORDER,
  PACKAGE,
  REGISTRATION,
  type RegistrationRecord,
} from './records.ts';

const v1 = { v: z.literal(1) };
const text = z.string().min(1);

/**
 * A machine may have gone to another operator since the backup: until it shows itself by the subscription that it was
 * registered with, discovery names nobody (I4). Deliveries come back for machines past step 8, which are known by serial and
 * key; nothing is offered anew, and a newer delivery finds its place free.
 */
export const roStoreKind: StoreKind = {
  spaces: {
    [DELIVERY]: space<DeliveryRecord>(
      z.looseObject({
        ...v1,
        state: z.enum(deliveryFlow.states),
        orderId: text,
        sho: text,
        m2meId: text,
        boundToken: text,
        digest: text,
        pins: z.array(z.looseObject({ btid: text, sealed: text })),
      }),
      { seals: (serial, { pins }) => pins.map(({ btid, sealed }) => ({ sealed, context: pinContext(serial, btid) })) },
    ),
    [PACKAGE]: space(text),
    [OPEN]: leftOut(text),
    [ORDER]: space(text),
    [REGISTRATION]: space<RegistrationRecord>(z.looseObject({ ...v1, m2meId: text }), {
      restore: (record) => ({ ...record, unconfirmed: true }),
    }),
    [OUTBOX]: outboxKind(() => true),
  },
  async confirm(store) {
    let count = 0;
    for (const { key } of await store.list<RegistrationRecord>(REGISTRATION)) {
      if (await confirmOne(store, key)) count++;
    }
    return count;
  },
};

async function confirmOne(store: Store, m2meId: string): Promise<boolean> {
  for (;;) {
    const entry = await store.get<RegistrationRecord>(REGISTRATION, m2meId);
    if (entry?.value.unconfirmed === undefined) return false;
    const { unconfirmed: _, ...put } = entry.value;
    if (await store.commit([{ space: REGISTRATION, key: m2meId, expect: entry.version, put }])) return true;
  }
}
