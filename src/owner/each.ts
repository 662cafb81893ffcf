import { codeOf } from '../base/index.ts';
import { cancelChange, lookAt, type OwnerTools } from './change.ts';
import { ending } from './fleet.ts';
import type { FleetRow } from './fleet-file.ts';
import { createMachineClient, type MachineClient } from './machine-client.ts';
import { isSettled } from './progress.ts';
import { verdictOf } from './verdict.ts';

/** Does `work` for every row, so many at once. */
async function each(
  rows: readonly FleetRow[],
  parallel: number,
  work: (row: FleetRow) => Promise<void>,
): Promise<void> {
  const waiting = rows.values();
  const takeNext = async (): Promise<void> => {
    for (const row of waiting) await work(row);
  };
  await Promise.all(Array.from({ length: parallel }, takeNext));
}

async function withMachine<T>(
  { net }: OwnerTools,
  url: string,
  work: (machine: MachineClient) => Promise<T>,
): Promise<T> {
  const machine = createMachineClient(url, net);
  try {
    return await work(machine);
  } finally {
    machine.close();
  }
}

/** What a machine answered to "give the token back": `returned`, `too-late`, or why it could not be asked. */
export type CancelAnswer = (row: FleetRow, answer: string) => void;

export async function cancelFleet(
  tools: OwnerTools,
  rows: readonly FleetRow[],
  { parallel, patienceMs, onAnswer }: { parallel: number; patienceMs: number; onAnswer: CancelAnswer },
): Promise<void> {
  await each(rows, parallel, async (row) => {
    const until = tools.wallClock.now() + patienceMs;
    const ask = (machine: MachineClient) => cancelChange(tools, { m2meId: row.m2meId, machine }, until);
    const answer = await withMachine(tools, row.url, ask).then(({ state }) => state, codeOf);
    onAnswer(row, answer);
  });
}

/** Asks how far the changes are that the journal does not know the end of; ends that are found are journalled. */
export async function refreshFleet(
  tools: OwnerTools,
  rows: readonly FleetRow[],
  { parallel, patienceMs }: { parallel: number; patienceMs: number },
): Promise<void> {
  await each(rows, parallel, async ({ m2meId, url }) => {
    const { orderId, serial } = tools.journal.of(m2meId);
    if (orderId === undefined || isSettled(tools.journal.of(m2meId))) return;
    try {
      const until = tools.wallClock.now() + patienceMs;
      const look = await withMachine(tools, url, (machine) => lookAt(tools, { m2meId, machine }, until));
      const end = verdictOf(look.order, look.machine, { serial, newSho: tools.newShoId });
      // One that had been given up waiting for is under way again.
      await tools.journal.note(m2meId, end === undefined ? { end } : ending(end));
    } catch (error) {
      await tools.journal.note(m2meId, { end: { state: 'failed', reason: codeOf(error) } });
    }
  });
}
