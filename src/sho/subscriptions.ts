import { opcFromOp } from '../aka/index.ts';
import { fromHex, GbaError, type Random, type Sealer, SecretKey } from '../base/index.ts';
import type { Op, Store } from '../store/index.ts';
import type { ShoConfig } from './config.ts';

const SPACE = 'subscription';

interface SubscriptionRecord {
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

export type Subscriptions = ReturnType<typeof createSubscriptions>;

/** The subscriptions that a new SHO has to hand out. */
export function createSubscriptions(store: Store, sealer: Sealer) {
  const contextOf = (impi: string): string => `sho subscription ${impi}`;

  return {
    /** Takes in what the configuration lists and the store does not know yet. */
    async seed(list: ShoConfig['subscriptions']): Promise<void> {
      for (const one of list) {
        if ((await store.get(SPACE, one.impi)) !== undefined) continue;
        const k = SecretKey.adopt(fromHex(one.k, 16, 'K'));
        const opc =
          one.opc === undefined ? opcFromOp(k, fromHex(one.op ?? '', 16, 'OP')) : SecretKey.adopt(fromHex(one.opc, 16));
        const both = Buffer.concat([k.bytes(), opc.bytes()]);
        const put: SubscriptionRecord = {
          v: 1,
          impi: one.impi,
          amf: one.amf,
          sealed: sealer.seal(both, contextOf(one.impi)),
        };
        both.fill(0);
        k.erase();
        opc.erase();
        await store.commit([{ space: SPACE, key: one.impi, expect: 0, put }]);
      }
    },
    /** A free subscription and the write that gives it to the order. Throws `no-subscription-free`. */
    async take(orderId: string, random: Random): Promise<{ impi: string; op: Op }> {
      const all = await store.list<SubscriptionRecord>(SPACE);
      const open = all.filter((entry) => entry.value.orderId === undefined);
      // Any one, so that orders at the same moment seldom want the same.
      const free = open[random.bytes(4).readUInt32BE() % Math.max(open.length, 1)];
      if (free === undefined) throw new GbaError('no-subscription-free', 'no subscription is free');
      const put: SubscriptionRecord = { ...free.value, orderId };
      return { impi: free.key, op: { space: SPACE, key: free.key, expect: free.version, put } };
    },
    /** The keys, for one use; the caller erases them. */
    async open(impi: string): Promise<OpenSubscription> {
      const record = (await store.get<SubscriptionRecord>(SPACE, impi))?.value;
      if (record === undefined) throw new GbaError('subscription-unknown', 'no such subscription');
      const both = sealer.open(record.sealed, contextOf(impi));
      const part = (i: number): SecretKey => SecretKey.copyOf(both.bytes().subarray(i * 16, i * 16 + 16));
      const open = { impi, amf: record.amf, k: part(0), opc: part(1) };
      both.erase();
      return open;
    },
  };
}
