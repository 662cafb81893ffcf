import {
  type AuthenticationVector,
  createSqnGenerator,
  joinSqn,
  nextSqn,
  type SqnGenerator,
  splitSqn,
} from '../aka/index.ts';
import { type Clock, fromHex, GbaError, type Random, type Sealer } from '../base/index.ts';
import { type Entry, type Op, restoredMark, type Store } from '../store/index.ts';
import type { HssConfig } from './config.ts';
import { createGussBook, type DatedGuss } from './guss-book.ts';
import { generateVector, type VectorDecision } from './procedures/generate-vector.ts';
import { confirmOne, STATE, SUBSCRIBER } from './store-kind.ts';
import { gussOf, keysOf, type Provisioning, recordOf, type SubscriberRecord, viewOf } from './subscriber.ts';

const IMPORTED = 'imported';
/** How often a vector is tried again when other requests took the sequence number first. */
const RACES = 64;

export interface SubscriberDeps {
  store: Store;
  clock: Clock;
  random: Random;
  sealer: Sealer;
  config: Pick<HssConfig, 'sqnScheme' | 'indBits'>;
}

export type Subscribers = ReturnType<typeof createSubscribers>;

/** The subscribers of this HSS and their sequence numbers. */
export function createSubscribers({ store, clock, random, sealer, config }: SubscriberDeps) {
  const settings = createGussBook({ store, clock });
  /** Last SEQ of time-based generators: in memory only, so that a vector needs no write. Goes with one stored version. */
  const inMemory = new Map<string, { version: number; sqn: SqnGenerator }>();

  async function find(impi: string): Promise<Entry<SubscriberRecord>> {
    const entry = await store.get<SubscriberRecord>(SUBSCRIBER, impi);
    if (entry === undefined) throw new GbaError('user-unknown', 'no such subscriber');
    return entry;
  }

  async function vector(
    impi: string,
    resynchronization?: { rand: Buffer; auts: Buffer },
  ): Promise<AuthenticationVector> {
    for (let race = 0; race < RACES; race++) {
      const entry = await find(impi);
      const { value: record, version } = entry;
      if (record.restored !== undefined) {
        const why = 'the subscriber came out of a backup and has not been confirmed yet';
        throw new GbaError('subscriber-unconfirmed', why, { retryable: true });
      }
      const decision = decide(entry, resynchronization);
      if (!decision.persist) {
        // Nothing is awaited between looking at the number and this: no other vector of this process has the same.
        inMemory.set(impi, { version, sqn: decision.sqn });
        return decision.vector;
      }
      // The number is durable, and ours alone, before the vector leaves.
      const put: SubscriberRecord = { ...record, sqn: decision.sqn };
      if (await store.commit([{ space: SUBSCRIBER, key: impi, expect: version, put }])) return decision.vector;
    }
    throw new GbaError('overloaded', 'too many vectors of one subscriber at once', { retryable: true });
  }

  function decide(entry: Entry<SubscriberRecord>, resynchronization?: { rand: Buffer; auts: Buffer }): VectorDecision {
    const keys = keysOf(entry.value, sealer);
    try {
      return generateVector({
        keys,
        amf: fromHex(entry.value.amf, 2, 'AMF'),
        sqn: generatorOf(entry),
        rand: random.bytes(16),
        nowMs: clock.now(),
        ...(resynchronization === undefined ? {} : { resynchronization }),
      });
    } finally {
      keys.k.erase();
      keys.opc.erase();
    }
  }

  function generatorOf({ key, value, version }: Entry<SubscriberRecord>): SqnGenerator {
    const known = inMemory.get(key);
    return known?.version === version ? known.sqn : value.sqn;
  }

  const freshRecord = (p: Provisioning): SubscriberRecord =>
    recordOf(p, sealer, { scheme: config.sqnScheme, indBits: config.indBits, nowMs: clock.now() });

  return {
    vector,
    async has(impi: string): Promise<boolean> {
      return (await store.get(SUBSCRIBER, impi)) !== undefined;
    },
    guss: (impi: string): Promise<DatedGuss> => settings.get(impi),
    setGuss: settings.set,
    /** New, or the same identity anew: keys and GUSS are replaced, the sequence number goes on unless one is given. */
    async provision(p: Provisioning): Promise<'created' | 'replaced'> {
      const fresh = freshRecord(p);
      for (let race = 0; race < RACES; race++) {
        const known = await store.get<SubscriberRecord>(SUBSCRIBER, p.impi);
        const put =
          known === undefined || p.sqn !== undefined
            ? fresh
            : { ...fresh, sqn: goOn(generatorOf(known), fresh.sqn, clock.now()) };
        const subscriber: Op = { space: SUBSCRIBER, key: p.impi, expect: known?.version ?? 0, put };
        if (await store.commit([subscriber, ...(await settings.writeOf(p.impi, gussOf(p)))])) {
          return known === undefined ? 'created' : 'replaced';
        }
      }
      throw new GbaError('overloaded', 'the subscriber is being changed by others', { retryable: true });
    },
    /** Removing twice is removing once. */
    async remove(impi: string): Promise<void> {
      await store.commit([{ space: SUBSCRIBER, key: impi, delete: true }, settings.removal(impi)]);
      // After the write: a vector made meanwhile may have put its number here, and versions begin anew with the record.
      inMemory.delete(impi);
    },
    /** A subscriber out of a backup is one of ours still. */
    async confirm(impi: string): Promise<void> {
      if (!(await confirmOne(store, impi))) throw new GbaError('user-unknown', 'no such subscriber');
    },
    /** Set while there may be subscribers that have not been confirmed. */
    restored: () => restoredMark(store),
    async view(impi: string) {
      return viewOf((await find(impi)).value, (await settings.get(impi)).guss);
    },
    async list() {
      const entries = await store.list<SubscriberRecord>(SUBSCRIBER);
      return await Promise.all(
        entries.map(async ({ key, value }) => viewOf(value, (await settings.find(key))?.guss ?? value.guss ?? {})),
      );
    },
    /**
     * Takes a list into a store that never had subscribers: all of it or nothing, and once. An HSS whose subscribers have
     * all been removed stays empty. Returns how many.
     */
    async importOnce(list: readonly Provisioning[]): Promise<number> {
      if ((await store.get(STATE, IMPORTED)) !== undefined) return 0;
      if ((await store.list(SUBSCRIBER, { limit: 1 })).length > 0) return 0;
      const records = list.map((p): Op => ({ space: SUBSCRIBER, key: p.impi, expect: 0, put: freshRecord(p) }));
      const guss = (await Promise.all(list.map((p) => settings.writeOf(p.impi, gussOf(p))))).flat();
      const mark: Op = { space: STATE, key: IMPORTED, expect: 0, put: { v: 1, count: list.length } };
      return (await store.commit([mark, ...records, ...guss])) ? list.length : 0;
    },
    /** Throws `seal-broken` when the sealing key is not the one that the store was written with. */
    async checkSealingKey(): Promise<void> {
      const [first] = await store.list<SubscriberRecord>(SUBSCRIBER, { limit: 1 });
      if (first === undefined) return;
      const keys = keysOf(first.value, sealer);
      keys.k.erase();
      keys.opc.erase();
    },
  };
}

/** The number of `known` under the scheme of `fresh`. */
function goOn(known: SqnGenerator, fresh: SqnGenerator, nowMs: number): SqnGenerator {
  if (known.scheme === fresh.scheme && known.indBits === fresh.indBits) return known;
  const { seq } = splitSqn(nextSqn(known, nowMs).sqn, known.indBits);
  const sqn = joinSqn({ seq, ind: 0 }, fresh.indBits);
  return createSqnGenerator({ scheme: fresh.scheme, indBits: fresh.indBits, nowMs, sqn });
}
