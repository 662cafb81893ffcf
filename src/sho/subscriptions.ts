import { opcFromOp } from '../aka/index.ts';
import { fromHex, GbaError, type Random, type Sealer, SecretKey } from '../base/index.ts';
import type { Op, Store } from '../store/index.ts';
import type { ShoConfig } from './config.ts';

export const SUBSCRIPTION = 'subscription';
/** The IMPIs that no order has, so that a large stock need not be looked through for each order. */
export const FREE = 'subscription-free';
/** Out of so many one is taken by chance, so that orders at the same moment seldom want the same. */
const CHOICE = 64;

export interface SubscriptionRecord {
  v: 1;
  impi: string;
  amf: string;
  /** K and OPc, 32 octets, sealed. */
  sealed: string;
  /** The order that has it; a subscription is never given twice. */
  orderId?: string;
}

export interface OpenSubscription {
  impi: string;
  amf: string;
  k: SecretKey;
  opc: SecretKey;
}

export const subscriptionContext = (impi: string): string => `sho subscription ${impi}`;

export type Subscriptions = ReturnType<typeof createSubscriptions>;

/** The subscriptions that a new SHO has to hand out. */
export function createSubscriptions(store: Store, sealer: Sealer) {
  const freeOp = (impi: string): Op => ({ space: FREE, key: impi, put: { v: 1 } });

  /** A store that was written before there was an index gets one. */
  async function indexFree(): Promise<void> {
    if ((await store.list(FREE, { limit: 1 })).length > 0) return;
    const all = await store.list<SubscriptionRecord>(SUBSCRIPTION);
    const free = all.filter(({ value }) => value.orderId === undefined);
    if (free.length > 0) await store.commit(free.map(({ key }) => freeOp(key)));
  }

  return {
    /** Takes in what the configuration lists and the store does not know yet. */
    async seed(list: ShoConfig['subscriptions']): Promise<void> {
      await indexFree();
      for (const one of list) {
        if ((await store.get(SUBSCRIPTION, one.impi)) !== undefined) continue;
        const k = SecretKey.adopt(fromHex(one.k, 16, 'K'));
        const opc =
          one.opc === undefined ? opcFromOp(k, fromHex(one.op ?? '', 16, 'OP')) : SecretKey.adopt(fromHex(one.opc, 16));
        const both = Buffer.concat([k.bytes(), opc.bytes()]);
        const put: SubscriptionRecord = {
          v: 1,
          impi: one.impi,
          amf: one.amf,
          sealed: sealer.seal(both, subscriptionContext(one.impi)),
        };
        both.fill(0);
        k.erase();
        opc.erase();
        await store.commit([{ space: SUBSCRIPTION, key: one.impi, expect: 0, put }, freeOp(one.impi)]);
      }
    },
    /** A free subscription and the writes that give it to the order. Throws `no-subscription-free`. */
    async take(orderId: string, random: Random): Promise<{ impi: string; ops: Op[] }> {
      const open = await store.list(FREE, { limit: CHOICE });
      const impi = open[random.bytes(4).readUInt32BE() % Math.max(open.length, 1)]?.key;
      const free = impi === undefined ? undefined : await store.get<SubscriptionRecord>(SUBSCRIPTION, impi);
      if (free === undefined || free.value.orderId !== undefined)
        throw new GbaError('no-subscription-free', 'no subscription is free');
      const put: SubscriptionRecord = { ...free.value, orderId };
      return {
        impi: free.key,
        ops: [
          { space: SUBSCRIPTION, key: free.key, expect: free.version, put },
          { space: FREE, key: free.key, delete: true },
        ],
      };
    },
    /** The keys, for one use; the caller erases them. */
    async open(impi: string): Promise<OpenSubscription> {
      const record = (await store.get<SubscriptionRecord>(SUBSCRIPTION, impi))?.value;
      if (record === undefined) throw new GbaError('subscription-unknown', 'no such subscription');
      const both = sealer.open(record.sealed, subscriptionContext(impi));
      const part = (i: number): SecretKey => SecretKey.copyOf(both.bytes().subarray(i * 16, i * 16 + 16));
      const open = { impi, amf: record.amf, k: part(0), opc: part(1) };
      both.erase();
      return open;
    },
  };
}
