import { GbaError } from '../base/index.ts';
import { dequeue, enqueue } from '../flow/index.ts';
import type { Entry, Op } from '../store/index.ts';
import { type OrderEvent, orderFlow } from './flows.ts';
import { marksOf } from './order-progress.ts';
import { OPEN_ORDER, ORDER, type OrderDeps, type OrderRecord } from './order-record.ts';

/** Work of our own that must be done although we crash: the outbox delivers it to ourselves. */
export const SELF = 'self';

export type OrderBook = ReturnType<typeof createOrderBook>;

/** The records of orders: each transition is one commit with the messages that it makes necessary. `kick`: there are some. */
export function createOrderBook({ config, store, clock, onStep }: OrderDeps, kick: () => void) {
  /** One transition: the record by compare-and-set, together with whatever else it makes necessary. */
  async function move(
    entry: Entry<OrderRecord>,
    event: OrderEvent,
    change: Partial<OrderRecord>,
    ops: Op[],
  ): Promise<void> {
    const { value, key, version } = entry;
    const state = orderFlow.next(value.state, event);
    const ended = orderFlow.isFinal(state);
    const { sealedToken, ...rest } = value;
    const close = ended ? await closeOps(value.m2meId, key) : [];
    const kept = ended || sealedToken === undefined ? {} : { sealedToken };
    const put: OrderRecord = { ...rest, ...kept, ...marksOf(event, clock.now(), value.steps), ...change, state };
    const done = await store.commit([{ space: ORDER, key, expect: version, put }, ...close, ...ops]);
    if (!done) throw new GbaError('conflict', 'the order is being changed', { retryable: true });
    kick();
  }

  /** An order out of a backup may end while another one of its machine is open. */
  async function closeOps(m2meId: string, orderId: string): Promise<Op[]> {
    const open = await store.get<string>(OPEN_ORDER, m2meId);
    return open?.value === orderId ? [{ space: OPEN_ORDER, key: m2meId, expect: open.version, delete: true }] : [];
  }

  const selfJob = (name: string, orderId: string): Op =>
    enqueue({ id: `${name}/${orderId}`, to: SELF, method: 'RUN', path: `${name}/${orderId}` });

  /**
   * Of an order out of a backup nobody but the machine says that its subscription is not in use: the change may have been done
   * since the backup was made.
   */
  function refuse(
    entry: Entry<OrderRecord>,
    event: OrderEvent,
    reason: string,
    change: Partial<OrderRecord> = {},
  ): Promise<void> {
    const sure = entry.value.restored === undefined || event === 'machine-refused';
    const withdraw = sure ? [selfJob('withdraw', entry.key)] : [];
    const takeBack = ['deliver', 'validate'].map((kind) => dequeue(`${kind}/${entry.key}`));
    return move(entry, event, { ...change, reason }, [...withdraw, ...takeBack]);
  }

  const step = (number: number, to: string, what: string, serial: string): void =>
    onStep?.({ step: number, party: config.id, to, what, serial });

  return { move, selfJob, refuse, step, kick };
}
