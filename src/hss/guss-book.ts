import { isDeepStrictEqual } from 'node:util';
import { type Clock, GbaError } from '../base/index.ts';
import type { Guss } from '../gba/index.ts';
import type { Op, Store } from '../store/index.ts';
import { compact } from './settings.ts';
import { SETTINGS, SUBSCRIBER } from './store-kind.ts';
import type { SubscriberRecord } from './subscriber.ts';

const RACES = 64;

interface GussRecord {
  v: 1;
  guss: Guss;
  /** Whole seconds in ms, as GUSS-Timestamp has them; rises with every change, however fast they come. */
  changedAt: number;
}

export interface DatedGuss {
  guss: Guss;
  /** Unknown of settings that were provisioned before they had a record of their own. */
  changedAt?: number;
}

/** The GBA user security settings of the subscribers (TS 33.220 4.4.6), and when they last changed. */
export function createGussBook({ store, clock }: { store: Store; clock: Clock }) {
  const find = async (impi: string): Promise<DatedGuss | undefined> =>
    (await store.get<GussRecord>(SETTINGS, impi))?.value;

  async function get(impi: string): Promise<DatedGuss> {
    const known = await find(impi);
    const subscriber = await store.get<SubscriberRecord>(SUBSCRIBER, impi);
    if (subscriber === undefined) throw new GbaError('user-unknown', 'no such subscriber');
    return known ?? { guss: subscriber.value.guss ?? {} };
  }

  /** The write that gives `impi` these settings, for a commit with others; none when it has them already, here or `before`. */
  async function writeOf(impi: string, wanted: Guss, before: Guss = {}): Promise<Op[]> {
    const guss = compact(wanted);
    const known = await store.get<GussRecord>(SETTINGS, impi);
    if (isDeepStrictEqual(known?.value.guss ?? before, guss)) return [];
    const second = Math.floor(clock.now() / 1000) * 1000;
    const changedAt = Math.max(second, (known?.value.changedAt ?? 0) + 1000);
    return [
      { space: SETTINGS, key: impi, expect: known?.version ?? 0, put: { v: 1, guss, changedAt } satisfies GussRecord },
    ];
  }

  return {
    find,
    get,
    writeOf,
    removal: (impi: string): Op => ({ space: SETTINGS, key: impi, delete: true }),
    /** Replaces the settings of a subscriber that is there; none: `{}`. */
    async set(impi: string, guss: Guss): Promise<void> {
      for (let race = 0; race < RACES; race++) {
        const before = await get(impi);
        const ops = await writeOf(impi, guss, before.guss);
        if (ops.length === 0 || (await store.commit(ops))) return;
      }
      throw new GbaError('overloaded', 'the settings are being changed by others', { retryable: true });
    },
  };
}
