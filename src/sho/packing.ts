import { GbaError } from '../base/index.ts';
import { enqueue } from '../flow/index.ts';
import { orderFlow } from './flows.ts';
import type { OrderBook } from './order-book.ts';
import { findOrder, type OrderDeps } from './order-record.ts';
import type { Packaging } from './packaging.ts';
import type { OpenSubscription } from './subscriptions.ts';

export interface PackingWork {
  packaging: Packaging;
  provision(subscription: OpenSubscription): Promise<void>;
  removeSubscriber(impi: string): Promise<void>;
}

/** The new SHO's own work on an order, that the outbox gives back to it until it is done. */
export function createPacking(deps: OrderDeps, work: PackingWork, { move, refuse }: OrderBook) {
  const { config, store, subscriptions, contracts } = deps;

  /** Step 6, and again after a failed activation: first the HSS, because a package that arrives must work. */
  async function prepare(orderId: string): Promise<void> {
    const entry = await findOrder(store, orderId);
    const record = entry.value;
    if (!orderFlow.can(record.state, 'packaged')) return;
    const subscription = await subscriptions.open(record.impi);
    try {
      await work.provision(subscription);
      const packed = await work.packaging.pack(orderId, record, subscription);
      const json = { orderId, m2meId: record.m2meId, ...packed };
      const kind = record.state === 'correcting' ? 'redeliver' : 'deliver';
      const message = { id: `${kind}/${orderId}`, to: config.ro.id, method: 'POST', path: '/sho/v1/deliveries', json };
      await move(entry, 'packaged', { sentDigest: packed.digest }, [
        enqueue(message),
        contracts.signOp(record.m2meId, record.owner, record.impi),
      ]);
    } catch (error) {
      if (!(error instanceof GbaError) || error.code !== 'signing-key-retired') throw error;
      if (record.state === 'correcting') await move(entry, 'unpackable', { reason: error.code }, []);
      else await refuse(entry, 'unpackable', error.code);
    } finally {
      subscription.k.erase();
      subscription.opc.erase();
    }
  }

  return {
    /** Work that the outbox gives back to us: `prepare/<order>`, `correct/<order>` and `withdraw/<order>`. */
    async run(job: string): Promise<void> {
      const [kind, orderId = ''] = job.split('/');
      if (kind === 'withdraw') {
        await work.removeSubscriber((await findOrder(store, orderId)).value.impi);
        return;
      }
      const entry = await findOrder(store, orderId);
      const { state, impi, corrections = 0 } = entry.value;
      // It ended while it was being prepared: what was on the way to the HSS may have come there after the withdrawal.
      if (state === 'refused') {
        await work.removeSubscriber(impi);
        return;
      }
      if (state === 'correcting' && corrections > config.maxCorrections) await move(entry, 'unpackable', {}, []);
      else await prepare(orderId);
    },
  };
}
