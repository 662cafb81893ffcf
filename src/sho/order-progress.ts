import { queued } from '../flow/index.ts';
import { formatUtc } from '../http/index.ts';
import type { Entry, Store } from '../store/index.ts';
import { type OrderEvent, type OrderState, orderFlow } from './flows.ts';
import { claimsOf, type OrderRecord } from './order-record.ts';

/** Which step an event ends, where it ends one well. */
const STEP_DONE: Readonly<Partial<Record<OrderEvent, number>>> = {
  'validation-positive': 5,
  'delivery-taken': 6,
  'release-shown': 11,
  'result-success': 13,
  registered: 14,
};

/** Whom an order waits for; `operator` is ourselves: our HSS, our signing key. */
export const WAITED_FOR = ['pva', 'ro', 'machine', 'operator'] as const;

interface Wait {
  for: (typeof WAITED_FOR)[number];
  step: number;
  /** Kind of the outbox message that is to bring the order on. */
  message?: string;
}

const WAITS: Readonly<Partial<Record<OrderState, Wait>>> = {
  validating: { for: 'pva', step: 3, message: 'validate' },
  preparing: { for: 'operator', step: 6, message: 'prepare' },
  delivering: { for: 'ro', step: 6, message: 'deliver' },
  delivered: { for: 'machine', step: 7 },
  released: { for: 'machine', step: 13 },
  correcting: { for: 'operator', step: 6, message: 'correct' },
  redelivering: { for: 'ro', step: 6, message: 'redeliver' },
  registering: { for: 'ro', step: 14, message: 'register' },
};
/** The PVA has our question: now the machine has to be measured. */
const MEASURING: Wait = { for: 'machine', step: 4 };

/** What a transition adds to the record: when it was, and which step it ended. */
export function marksOf(event: OrderEvent, now: number, steps: OrderRecord['steps']): Partial<OrderRecord> {
  const step = STEP_DONE[event];
  return { since: now, ...(step === undefined ? {} : { steps: { ...steps, [step]: now } }) };
}

/** How far an order is, for its owner. All of it is our own knowledge: nothing in it can name the old operator. */
export async function progressOf(store: Store, { key, value }: Entry<OrderRecord>) {
  const { m2meId, state, reason, since, steps = {} } = value;
  return {
    orderId: key,
    m2meId,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since: formatUtc(since) }),
    steps: Object.entries(steps).map(([step, at]) => ({ step: Number(step), at: formatUtc(at) })),
    ...(orderFlow.can(state, 'lapsed') ? { endsAt: formatUtc(claimsOf(value).notAfter) } : {}),
    ...(await waitingOf(store, key, state)),
  };
}

async function waitingOf(store: Store, orderId: string, state: OrderState) {
  const wait = WAITS[state];
  if (wait === undefined) return {};
  const message = wait.message === undefined ? undefined : await queued(store, `${wait.message}/${orderId}`);
  const { for: whom, step } = state === 'validating' && message === undefined ? MEASURING : wait;
  const { attempts = 0, dueAt = 0 } = message ?? {};
  const tries = attempts === 0 ? {} : { attempts, nextAttemptAt: formatUtc(dueAt) };
  return { waiting: { for: whom, step, ...tries } };
}
