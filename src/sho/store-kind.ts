import { z } from 'zod';
import { OUTBOX, outboxKind } from '../flow/index.ts';
import { leftOut, type StoreKind, space } from '../store/index.ts';
import { BOOTSTRAP, type BootstrapRecord, bootstrapContext, DEVICE } from './bootstraps.ts';
import { CUSTOMER } from './contracts.ts';
import { orderFlow, releaseFlow } from './flows.ts';
import { OPEN_ORDER, ORDER, ORDER_OF_IMPI, ORDER_OF_SERIAL, type OrderRecord, tokenContext } from './order-record.ts';
import { PRELOAD } from './preloads.ts';
import { OPEN_RELEASE, RELEASE, type ReleaseRecord, releaseContext } from './release-record.ts';
import { REQUEST_KEY } from './repeats.ts';
import { FREE, SUBSCRIPTION, type SubscriptionRecord, subscriptionContext } from './subscriptions.ts';

const v1 = { v: z.literal(1) };
const text = z.string().min(1);

/** Messages whose receiver knows what they came to; our own work on orders might undo what was done since. */
const SENT_AGAIN = ['deliver', 'redeliver', 'register'];

/**
 * What was done since a backup is not known to the store that comes out of it. So it undoes nothing: an order is never taken
 * for one whose subscription may be withdrawn. It gives nothing twice: subscriptions that were free are withheld. And it
 * believes no machine to be here that does not show itself: bootstraps and device certificates have to be shown again.
 * Releases come back as they were, because machines past step 8 wait for r and for the acknowledgement.
 */
export const shoStoreKind: StoreKind = {
  spaces: {
    [RELEASE]: space<ReleaseRecord>(
      z.looseObject({ ...v1, state: z.enum(releaseFlow.states), m2meId: text, impi: text, claims: text, sealed: text }),
      { seals: (serial, { sealed }) => [{ sealed, context: releaseContext(serial) }] },
    ),
    [OPEN_RELEASE]: space(text),
    [BOOTSTRAP]: space<BootstrapRecord>(z.looseObject({ ...v1, btid: text, impi: text, sealedKey: text }), {
      seals: (m2meId, { sealedKey }) => [{ sealed: sealedKey, context: bootstrapContext(m2meId) }],
      restore: () => undefined,
    }),
    [DEVICE]: leftOut(z.looseObject({ ...v1, certificate: text })),
    [CUSTOMER]: space(z.looseObject({ ...v1, owner: z.string(), impi: text })),
    [ORDER]: space<OrderRecord>(
      z.looseObject({ ...v1, state: z.enum(orderFlow.states), m2meId: text, owner: text, serial: text, claims: text }),
      {
        seals: (orderId, { sealedToken }) =>
          sealedToken === undefined ? [] : [{ sealed: sealedToken, context: tokenContext(orderId) }],
        restore: (record, { restoredAt }) =>
          orderFlow.isFinal(record.state) ? record : { ...record, restored: restoredAt },
      },
    ),
    // The machine may order anew: nothing here would ever end the order that it had open.
    [OPEN_ORDER]: leftOut(text),
    [ORDER_OF_SERIAL]: space(text),
    [ORDER_OF_IMPI]: space(text),
    [REQUEST_KEY]: space(z.looseObject({ ...v1, request: text, made: text })),
    [SUBSCRIPTION]: space<SubscriptionRecord>(z.looseObject({ ...v1, impi: text, amf: text, sealed: text }), {
      seals: (impi, { sealed }) => [{ sealed, context: subscriptionContext(impi) }],
      restore: (record, { restoredAt }) => ({ ...record, orderId: record.orderId ?? `withheld/${restoredAt}` }),
    }),
    [FREE]: leftOut(z.looseObject(v1)),
    [PRELOAD]: space(z.looseObject({ ...v1, impi: text, digest: text, package: text })),
    [OUTBOX]: outboxKind(({ id }) => SENT_AGAIN.some((kind) => id.startsWith(`${kind}/`))),
  },
};
