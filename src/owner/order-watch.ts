import { type Clock, GbaError } from '../base/index.ts';
import { loadTls } from '../http/index.ts';
import type { OwnerConfig } from './config.ts';
import { openOwnerJournal } from './journal.ts';
import { createMachineClient } from './machine-client.ts';
import { createOperatorClient } from './operator-client.ts';
import { type OrderView, viewOf } from './order-view.ts';
import type { Progress } from './progress.ts';

export interface OrderLook extends OrderView {
  /** Who was asked and did not answer: what is shown may be older than it is. */
  silent: ('old-operator' | 'new-operator' | 'machine')[];
}

export interface OrderWatch {
  look(): Promise<OrderLook>;
  close(): void;
}

/** All that an owner's journal knows, by machine. Another process may be at work with it. */
export async function readJournal(config: OwnerConfig, clock: Clock): Promise<ReadonlyMap<string, Progress>> {
  const journal = await openOwnerJournal(config.journal, clock);
  const all = new Map(journal.ids().map((id) => [id, journal.of(id)]));
  await journal.close();
  return all;
}

/**
 * Watches one machine's change: asks both operators and the machine at each look, and changes nothing anywhere. Throws
 * `nothing-ordered` where the journal knows of no change, `change-elsewhere` where it is to another operator than this
 * configuration's.
 */
export function watchOrder(
  config: OwnerConfig,
  { m2meId, machineUrl }: { m2meId: string; machineUrl?: string | undefined },
  clock: Clock,
): OrderWatch {
  const tls = loadTls(config.tls);
  const oldSho = createOperatorClient({ ...config.oldOperator.peer, tls });
  const newSho = createOperatorClient({ ...config.newOperator.peer, tls });

  async function progressNow(): Promise<Progress> {
    const progress = (await readJournal(config, clock)).get(m2meId);
    if (progress?.to === undefined) throw new GbaError('nothing-ordered', `no change of ${m2meId} was ordered`);
    if (progress.to !== config.newOperator.id) {
      throw new GbaError('change-elsewhere', `the change of ${m2meId} is to ${progress.to}`);
    }
    return progress;
  }

  async function machineStatus(url: string) {
    const machine = createMachineClient(url);
    return await machine.status().finally(machine.close);
  }

  return {
    async look() {
      const progress = await progressNow();
      const { serial, orderId, url = undefined } = progress;
      const silent: OrderLook['silent'] = [];
      /** A party that cannot be asked takes nothing from what the others say. */
      const ask = async <T>(who: OrderLook['silent'][number], question: Promise<T> | undefined) =>
        await question?.catch((error: unknown) => {
          if (!(error instanceof GbaError)) throw error;
          silent.push(who);
          return undefined;
        });
      const address = machineUrl ?? url;
      const [release, order, machine] = await Promise.all([
        ask('old-operator', serial === undefined ? undefined : oldSho.releaseState(serial)),
        ask('new-operator', orderId === undefined ? undefined : newSho.orderState(orderId)),
        ask('machine', address === undefined ? undefined : machineStatus(address)),
      ]);
      const view = viewOf(m2meId, progress, { release: release?.state, order, machine }, config.newOperator.id);
      return { ...view, silent };
    },
    close() {
      oldSho.close();
      newSho.close();
    },
  };
}
