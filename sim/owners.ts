import type { FunctionDeps } from '../src/flow/index.ts';
import { NAMES } from '../src/lab/index.ts';
import {
  cancelChange,
  changeFleet,
  createMachineClient,
  createOperatorClient,
  createOwnerJournal,
  type End,
  type OwnerTools,
} from '../src/owner/index.ts';
import type { Life } from './kernel.ts';
import { MINUTE, type Setting } from './setting.ts';

/** What one owner's process wants of its machines. */
export interface Wish {
  m2meId: string;
  variant: 'gba' | 'signed';
  bothPresent: boolean;
  /** When the owner thinks better of it, milliseconds after the start; undefined: never. */
  cancelAfterMs: number | undefined;
}

export interface OwnerReport {
  ended(m2meId: string, end: End): void;
}

const LONG = 14 * 24 * 60 * MINUTE;

/** The owner's own client, as it ships, for machines that go from one operator to the other. */
export async function startOwner(
  setting: Setting,
  wishes: readonly Wish[],
  deps: FunctionDeps,
  life: Life,
  report: OwnerReport,
): Promise<void> {
  const { clock, random, net, timers, store } = deps;
  const [first] = wishes;
  if (first === undefined || store === undefined || net === undefined || timers === undefined) return;
  const { from, to } = setting.way(first.m2meId);
  const operator = (id: string) => {
    const port = setting.plan.sho.find((sho) => sho.id === id)?.sbi.port ?? 0;
    return createOperatorClient({ url: `https://127.0.0.1:${port}`, serverName: id, tls: setting.owner.tls }, net);
  };
  const tools: OwnerTools = {
    oldSho: operator(from),
    newSho: operator(to),
    newShoId: to,
    roId: NAMES.ro,
    pvaId: NAMES.pva,
    signer: setting.owner.signer,
    journal: await createOwnerJournal(store),
    clock,
    wallClock: clock,
    random,
    timers,
    net,
    pace: { firstMs: 500, longestMs: 30_000 },
  };
  const rows = wishes.map(({ m2meId, variant, bothPresent }) => ({
    m2meId,
    url: urlOf(setting, m2meId),
    variant,
    bothPresent,
  }));
  for (const { m2meId, cancelAfterMs } of wishes) {
    if (cancelAfterMs === undefined || life.number > 1) continue;
    const machine = createMachineClient(urlOf(setting, m2meId), net);
    timers.after(
      cancelAfterMs,
      () => void cancelChange(tools, { m2meId, machine }, clock.now() + MINUTE).catch(() => 0),
    );
  }
  /** What is journalled is known without asking anybody. */
  const readEnds = (): void => {
    for (const { m2meId } of wishes) {
      const { end } = tools.journal.of(m2meId);
      if (end !== undefined && end.state !== 'failed') report.ended(m2meId, end);
    }
  };
  /** As a person would: what has not ended is gone on with. */
  const goOn = async (): Promise<void> => {
    readEnds();
    let failed = false;
    await changeFleet(tools, rows, {
      parallel: rows.length,
      patienceMs: 5 * MINUTE,
      timeoutMs: LONG,
      looks: { firstMs: 5_000, longestMs: MINUTE },
      variant: undefined,
      bothPresent: false,
      retry: false,
      onEnd({ m2meId }, end) {
        report.ended(m2meId, end);
        failed ||= end.state === 'failed';
      },
    }).catch(() => {
      failed = true;
    });
    if (failed) timers.after(MINUTE, () => void goOn());
    else readEnds();
  };
  void goOn();
}

const urlOf = ({ plan }: Setting, m2meId: string): string => {
  const port = plan.m2me.find(({ id }) => id === m2meId)?.local.port ?? 0;
  return `http://127.0.0.1:${port}`;
};
