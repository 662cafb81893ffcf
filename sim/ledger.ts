import { decodeClaims } from '../src/token/index.ts';
import type { Written } from './store.ts';

/** What the records of all parties say, kept up as they are written. */
export interface Ledger {
  /** By serial. */
  releases: Map<string, { sho: string; state: string; m2meId: string; newSho: string; issued: boolean }>;
  /** By serial: digests of the packages that a new SHO bound its token to. */
  bound: Map<string, { sho: string; digests: Set<string> }>;
  /** Serials that an owner signed an instruction for. */
  instructed: Set<string>;
  /** Everything that is not ended, by party, space and key: the text says in which state. */
  open: Map<string, string>;
  /** Who is registered where, by machine; undefined: in change. */
  registered: Map<string, string | undefined>;
  /** Subscribers of each HSS. */
  subscribers: Map<string, Set<string>>;
  /** Machine, serial and state of each change that a machine knows. */
  changes: Map<string, { m2meId: string; state: string }>;
}

export const createLedger = (): Ledger => ({
  releases: new Map(),
  bound: new Map(),
  instructed: new Set(),
  open: new Map(),
  registered: new Map(),
  subscribers: new Map(),
  changes: new Map(),
});

const FINAL: Readonly<Record<string, readonly string[]>> = {
  release: ['gone', 'returned'],
  order: ['done', 'refused', 'failed'],
  delivery: ['registered', 'refused'],
  'm2me-change': ['finished', 'returned', 'refused', 'superseded'],
};

interface Fields {
  state?: string;
  m2meId?: string;
  claims?: string;
  serial?: string;
  sentDigest?: string;
  storedDigest?: string;
  sho?: string;
  instruction?: string;
}

export function enter(ledger: Ledger, { party, space, key, after }: Written): void {
  const record = (typeof after === 'object' && after !== null ? after : {}) as Fields;
  const place = `${party} ${space} ${key}`;
  const final = FINAL[space];
  if (space === 'outbox') track(ledger, place, after === undefined ? undefined : 'queued');
  if (final !== undefined) {
    const over = record.state === undefined || final.includes(record.state);
    track(ledger, place, over ? undefined : record.state);
  }
  switch (space) {
    case 'release': {
      if (after === undefined) break;
      const { newSho } = decodeClaims(Buffer.from(record.claims ?? '', 'base64'));
      const { state = '', m2meId = '' } = record;
      const issued = ledger.releases.get(key)?.issued === true || state !== 'composed';
      ledger.releases.set(key, { sho: party, state, m2meId, newSho: newSho.id, issued });
      break;
    }
    case 'order': {
      const { serial = '', sentDigest } = record;
      const bound = ledger.bound.get(serial) ?? { sho: party, digests: new Set() };
      if (sentDigest !== undefined) bound.digests.add(sentDigest);
      ledger.bound.set(serial, bound);
      break;
    }
    case 'registration':
      ledger.registered.set(key, record.sho);
      break;
    case 'm2me-change':
      ledger.changes.set(key, { m2meId: party, state: record.state ?? '' });
      break;
    case 'owner-change':
      if (record.serial !== undefined && record.instruction !== undefined) ledger.instructed.add(record.serial);
      break;
    case 'subscriber': {
      const known = ledger.subscribers.get(party) ?? new Set();
      if (after === undefined) known.delete(key);
      else known.add(key);
      ledger.subscribers.set(party, known);
      break;
    }
  }
}

function track({ open }: Ledger, place: string, state: string | undefined): void {
  if (state === undefined) open.delete(place);
  else open.set(place, state);
}
