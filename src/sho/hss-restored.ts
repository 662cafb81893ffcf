import { z } from 'zod';
import { codeOf, GbaError, type Log } from '../base/index.ts';
import type { HttpClient } from '../http/index.ts';
import { restoredMark, type Store } from '../store/index.ts';
import type { ShoConfig } from './config.ts';
import { CUSTOMER, type CustomerRecord } from './contracts.ts';
import { ORDER, type OrderRecord } from './order-record.ts';
import { judgeSubscribers } from './procedures/restored-subscribers.ts';
import { RELEASE, type ReleaseRecord } from './release-record.ts';
import type { OpenSubscription, Subscriptions } from './subscriptions.ts';

const restoredSchema = z.looseObject({ restoredAt: z.number().optional() });

export interface HssRestoredDeps {
  config: ShoConfig;
  store: Store;
  hss: HttpClient;
  subscriptions: Subscriptions;
  provision(subscription: OpenSubscription): Promise<void>;
  removeSubscriber(impi: string): Promise<void>;
  log: Log;
}

/**
 * When our HSS has come out of a backup: says again what we have had it do. Removed subscribers are removed, those of our machines
 * are confirmed, or provisioned when the backup does not have them. `look` is called now and then.
 */
export function createHssRestored(deps: HssRestoredDeps): { look(): Promise<void> } {
  const { config, store, hss, subscriptions, log } = deps;
  /** Of which restoration everything has been said. */
  let told: number | undefined;

  async function verdicts() {
    const values = async <T>(space: string): Promise<T[]> => (await store.list<T>(space)).map(({ value }) => value);
    const customers = (await values<CustomerRecord>(CUSTOMER)).filter(({ left }) => left !== true);
    return judgeSubscribers({
      configured: config.owners.flatMap(({ machines }) => machines.map(({ impi }) => impi)),
      customers: customers.map(({ impi }) => impi),
      releases: await values<ReleaseRecord>(RELEASE),
      orders: await values<OrderRecord>(ORDER),
    });
  }

  /** `missing`: the HSS does not have it, nor we its keys. */
  async function keep(impi: string): Promise<'confirmed' | 'provisioned' | 'missing'> {
    const answer = await hss.send('POST', `/admin/v1/subscribers/${encodeURIComponent(impi)}/confirmation`);
    if (answer.status < 300) return 'confirmed';
    if (answer.status !== 404) throw new GbaError('peer-unreachable', 'the HSS did not answer', { retryable: true });
    const subscription = await subscriptions.open(impi).catch((error: unknown) => {
      if (codeOf(error) === 'subscription-unknown') return undefined;
      throw error;
    });
    if (subscription === undefined) return 'missing';
    try {
      await deps.provision(subscription);
      return 'provisioned';
    } finally {
      subscription.k.erase();
      subscription.opc.erase();
    }
  }

  return {
    async look() {
      const answer = await hss.send('GET', '/admin/v1/restored');
      // An HSS of another make keeps its subscribers by other means.
      const restoredAt = answer.status === 200 ? answer.json(restoredSchema).restoredAt : undefined;
      if (restoredAt === undefined || restoredAt === told) return;
      if ((await restoredMark(store)) !== undefined) {
        // What was let go since our own backup is not known here either.
        log.warn('hss-restored-unjudged', { restoredAt });
        return;
      }
      const count = { confirmed: 0, provisioned: 0, missing: 0 };
      const { keep: kept, remove } = await verdicts();
      for (const impi of remove) await deps.removeSubscriber(impi);
      for (const impi of kept) {
        const done = await keep(impi);
        count[done]++;
        if (done === 'missing') log.warn('subscriber-missing', { impi });
      }
      log.info('hss-restored-told', { restoredAt, removed: remove.length, ...count });
      told = restoredAt;
    },
  };
}
