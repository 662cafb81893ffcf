import type { OrderState, ReleaseState } from '../flows.ts';

/** What an SHO knows of the subscribers of its HSS. */
export interface KnownSubscribers {
  /** Of machines under contract by configuration. */
  configured: readonly string[];
  /** Of machines that came by an order and have not been let go. */
  customers: readonly string[];
  releases: readonly { impi: string; state: ReleaseState }[];
  orders: readonly { impi: string; state: OrderState }[];
}

export interface Verdicts {
  /** Has to be in the HSS, and may be served. */
  keep: string[];
  /** Was let go, or never taken up: must not be served. */
  remove: string[];
}

const NEVER_PACKED: readonly OrderState[] = ['validating', 'preparing', 'refused'];

/**
 * Which subscribers an HSS out of an old backup should have, by what its SHO has written since. A machine that was let go is
 * not brought back (I3, I5), one that came by an order keeps its subscription (I1). Of all others the SHO knows nothing.
 */
export function judgeSubscribers({ configured, customers, releases, orders }: KnownSubscribers): Verdicts {
  const leaving = new Set(releases.filter(({ state }) => state === 'letting-go').map(({ impi }) => impi));
  const left = new Set(releases.filter(({ state }) => state === 'gone').map(({ impi }) => impi));
  const refused = new Set(orders.filter(({ state }) => state === 'refused').map(({ impi }) => impi));
  const packed = new Set(orders.filter(({ state }) => !NEVER_PACKED.includes(state)).map(({ impi }) => impi));
  // The contract of a machine that came by an order ends when it is let go: with one it is here, or here again.
  const here = new Set([
    ...customers.filter((impi) => packed.has(impi)),
    ...configured.filter((impi) => !left.has(impi)),
  ]);
  const keep = [...here].filter((impi) => !leaving.has(impi));
  const remove = [...new Set([...left, ...leaving, ...refused])].filter((impi) => !keep.includes(impi));
  return { keep, remove };
}
