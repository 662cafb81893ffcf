import type { MachineStatus } from './machine-client.ts';
import type { OrderStatus } from './operator-client.ts';
import type { End } from './progress.ts';

/**
 * How a change ended, by what the new operator says of the order and the machine of itself; undefined while it goes on. An
 * order that is done has been registered after the machine's own report (13, 14), so a machine that cannot be asked now
 * takes nothing away from it.
 */
export function verdictOf(
  order: OrderStatus,
  machine: MachineStatus | undefined,
  wanted: { serial: string | undefined; newSho: string },
): End | undefined {
  const change = machine?.change?.serial === wanted.serial ? machine?.change : undefined;
  if (order.state === 'refused') return { state: 'refused', reason: order.reason ?? change?.reason ?? 'refused' };
  if (order.state === 'failed') return { state: 'failed', reason: order.reason ?? 'activation-failed' };
  if (change?.state === 'returned') return { state: 'returned', reason: change.reason ?? 'returned' };
  if (change?.state === 'refused' || change?.state === 'superseded') {
    return { state: 'refused', reason: change.reason ?? change.state };
  }
  if (order.state !== 'done') return undefined;
  if (machine === undefined) return { state: 'done' };
  return change?.state === 'finished' && machine.operator === wanted.newSho ? { state: 'done' } : undefined;
}
