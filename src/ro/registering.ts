import { GbaError } from '../base/index.ts';
import type { Book, DeliveryDeps } from './book.ts';
import { deliveryFlow } from './flow.ts';
import { orderKey } from './intake.ts';
import { DELIVERY, type DeliveryRecord, ORDER } from './records.ts';

/** The end of a delivery: the new SHO registers the machine (14), and is reminded until it does. */
export function createRegistering(deps: DeliveryDeps, { commit, toSho, step }: Book) {
  const { config, store, clock, registrations, kick } = deps;
  return {
    /** Step 14: only the new SHO of this delivery, only after 13. */
    async register(sho: string, orderId: string, m2meId: string, impi?: string): Promise<void> {
      const serial = (await store.get<string>(ORDER, orderKey(sho, orderId)))?.value;
      const entry = serial === undefined ? undefined : await store.get<DeliveryRecord>(DELIVERY, serial);
      const fits = entry?.value.m2meId === m2meId && entry.value.sho === sho;
      if (fits && entry.value.state === 'registered') {
        // A record of an earlier release does not say.
        const known = entry.value.registeredAs;
        if (known !== undefined && known !== impi) throw new GbaError('repeat-differs', 'registered otherwise already');
        return;
      }
      if (!fits || entry.value.state !== 'succeeded') {
        throw new GbaError('registration-refused', 'this machine is not to be registered by this operator now');
      }
      const state = deliveryFlow.next(entry.value.state, 'registration');
      await commit(
        entry,
        { ...entry.value, state, ...(impi !== undefined && { registeredAs: impi }) },
        await registrations.register(m2meId, sho, impi),
      );
      step(14, sho, `${m2meId} subscribes to ${sho}`, entry.key);
    },

    /** Tells new SHOs that forgot step 14 the result once more. */
    async remind(): Promise<void> {
      const before = clock.now() - config.reminderSeconds * 1000;
      for (const { value } of await store.list<DeliveryRecord>(DELIVERY)) {
        if (value.state !== 'succeeded' || (value.succeededAt ?? 0) > before) continue;
        await store.commit([
          toSho(value, 'results', { orderId: value.orderId, outcome: 'success', reason: '', digest: value.digest }),
        ]);
        kick();
      }
    },
  };
}
