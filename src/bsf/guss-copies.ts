import type { Clock } from '../base/index.ts';
import type { Guss, ReadGuss } from '../gba/index.ts';
import type { Store } from '../store/index.ts';

/** The BSF's copy of a subscriber's GUSS (TS 29.109 4.2). Key: IMPI. */
interface GussCopyRecord {
  v: 1;
  /** GUSS-Timestamp: when the HSS changed it last. */
  timestamp: number;
  guss: Guss;
}

export const GUSS_COPIES = 'bsf-guss';
/** A subscriber who does not come for so long is forgotten; the HSS sends it again. */
const KEPT_MS = 7 * 86_400_000;

/** What the HSS need not send again: only a GUSS that says when it was changed can be kept. */
export interface GussCopies {
  held(impi: string): Promise<{ timestamp: number; guss: Guss } | undefined>;
  /** A GUSS came: it replaces what is held. */
  keep(impi: string, read: ReadGuss): Promise<void>;
}

export function createGussCopies(store: Store, clock: Clock): GussCopies {
  return {
    held: async (impi) => (await store.get<GussCopyRecord>(GUSS_COPIES, impi))?.value,
    async keep(impi, { guss, timestamp }) {
      const put: GussCopyRecord | undefined = timestamp === undefined ? undefined : { v: 1, timestamp, guss };
      if (put === undefined && (await store.get(GUSS_COPIES, impi)) === undefined) return;
      const write = put === undefined ? { delete: true as const } : { put, expiresAt: clock.now() + KEPT_MS };
      await store.commit([{ space: GUSS_COPIES, key: impi, ...write }]);
    },
  };
}
