import { type Clock, GbaError, type Sealer } from '../base/index.ts';
import { enqueue, type StepEvent } from '../flow/index.ts';
import type { ZnClient } from '../naf/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import type { RoConfig } from './config.ts';
import { deliveryFlow } from './flow.ts';
import { DELIVERY, type DeliveryRecord, OPEN, PACKAGE } from './records.ts';
import type { Registrations } from './registrations.ts';

export interface DeliveryDeps {
  config: RoConfig;
  store: Store;
  clock: Clock;
  sealer: Sealer;
  zn: ZnClient;
  registrations: Registrations;
  /** Drops the cached Ua keys of a B-TID. */
  forget(btid: string): void;
  /** Something was put into the outbox. */
  kick(): void;
  onStep?: ((event: StepEvent) => void) | undefined;
}

/** One text for all that is wrong: a stranger does not learn which serials are here. */
export const refused = (code: string): GbaError => new GbaError(code, 'no such delivery, or not yours to speak for');

export type Book = ReturnType<typeof createBook>;

/** The records of deliveries: each change is one commit with the messages that it makes necessary. */
export function createBook(deps: DeliveryDeps) {
  const { config, store, kick } = deps;

  async function find(serial: string, refusal: string): Promise<Entry<DeliveryRecord>> {
    const entry = await store.get<DeliveryRecord>(DELIVERY, serial || '-');
    if (entry === undefined) throw refused(refusal);
    return entry;
  }

  /** A delivery out of a backup may end while another one of its machine is open. */
  async function closeOps(m2meId: string, serial: string): Promise<Op[]> {
    const open = await store.get<string>(OPEN, m2meId);
    return open?.value === serial ? [{ space: OPEN, key: m2meId, expect: open.version, delete: true }] : [];
  }

  async function commit(entry: Entry<DeliveryRecord>, put: DeliveryRecord, ops: readonly Op[]): Promise<void> {
    const closes = deliveryFlow.isFinal(put.state) && !deliveryFlow.isFinal(entry.value.state);
    const close: Op[] = closes
      ? [...(await closeOps(put.m2meId, entry.key)), { space: PACKAGE, key: entry.key, delete: true }]
      : [];
    const done = await store.commit([
      { space: DELIVERY, key: entry.key, expect: entry.version, put },
      ...close,
      ...ops,
    ]);
    if (!done) throw new GbaError('conflict', 'the delivery is being changed', { retryable: true });
    kick();
  }

  const toSho = (record: DeliveryRecord, kind: string, json: object): Op =>
    enqueue({ id: `${kind}/${record.orderId}`, to: record.sho, method: 'POST', path: `/ro/v1/${kind}`, json });

  const step = (number: number, to: string, what: string, serial: string): void =>
    deps.onStep?.({ step: number, party: config.id, to, what, serial });

  return { find, commit, toSho, step };
}
