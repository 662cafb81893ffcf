import type { Lab } from '../../src/lab/index.ts';

/** Every space that a party of an operator change keeps records in. */
const SPACES = [
  ...['release', 'open-release', 'bootstrap', 'device', 'order', 'open-order', 'order-of-serial', 'subscription'],
  ...['customer', 'preload', 'delivery', 'package', 'open-delivery', 'delivery-of-order', 'registration'],
  ...['validation', 'open-validation', 'subscriber', 'outbox', 'm2me', 'm2me-change', 'naf-nonce'],
  ...['bsf-challenge', 'bsf-context', 'bsf-subscription', 'bsf-tmpi'],
];

/** What all parties hold, by party, space and key; values only, for a record may be written again with what it said. */
export async function snapshotOf(lab: Lab, aside: readonly string[] = []): Promise<Map<string, unknown>> {
  const snapshot = new Map<string, unknown>();
  for (const [party, store] of lab.stores) {
    for (const space of SPACES.filter((one) => !aside.includes(one))) {
      for (const { key, value } of await store.list(space)) snapshot.set(`${party} ${space} ${key}`, value);
    }
  }
  return snapshot;
}
