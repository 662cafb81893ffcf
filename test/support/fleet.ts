import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { fleetFile, type Lab, type LabOptions, NAMES, parseScenario } from '../../src/lab/index.ts';
import { startFreeLab } from './lab.ts';

export interface FleetLab {
  lab: Lab;
  dir: string;
  /** Arguments that every `gba change` of this fleet takes. */
  args: string[];
}

/** A lab in this process, all in memory but the TREs, whose machines wait for the fleet command. */
export async function withFleet(
  count: number,
  body: (fleet: FleetLab) => Promise<void>,
  options: Partial<LabOptions> = {},
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-fleet-'));
  const lab = await startFreeLab({
    dir,
    scenario: parseScenario(`basePort: 0\ngraceMs: 120000\nfleet: { count: ${count} }\n`),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    driver: 'memory',
    ...options,
  });
  const args = ['--fleet', fleetFile(dir), '--config', join(dir, 'config', 'owner.yaml'), '--json'];
  try {
    await body({ lab, dir, args });
  } finally {
    await lab.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

export interface ChangeRun {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What it wrote, an object a line. */
  events: { event?: string; m2meId?: string; state?: string; reason?: string; [more: string]: unknown }[];
  err: string;
}

/** `gba change …` as a process of its own; `watch` sees every event and may end the process. */
export function runChange(
  args: readonly string[],
  watch?: (event: ChangeRun['events'][number], child: ChildProcess) => void,
  started?: (child: ChildProcess) => unknown,
): Promise<ChangeRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'change', ...args]);
    void started?.(child);
    const events: ChangeRun['events'] = [];
    let rest = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = JSON.parse(line) as ChangeRun['events'][number];
        events.push(event);
        watch?.(event, child);
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, events, err }));
  });
}

export const reportOf = ({ events }: ChangeRun) => events.find(({ event }) => event === 'report');

/** The states of all records of a space, by machine; a machine that stands there twice fails. */
async function statesOf(lab: Lab, store: string, space: string): Promise<Map<string, string>> {
  const entries = (await lab.stores.get(store)?.list<{ m2meId: string; state: string }>(space)) ?? [];
  const states = new Map(entries.map(({ value }) => [value.m2meId, value.state]));
  assert.equal(states.size, entries.length, `${store}: more than one ${space} of a machine`);
  return states;
}

/**
 * I5, on the parties' own stores: for each of these machines one release, one order, one delivery, one activation and one
 * subscription, all of them at their end; for no other machine any.
 */
export async function assertChangedOnce(lab: Lab, ids: readonly string[]): Promise<void> {
  const wanted = (state: string) => new Map(ids.map((id) => [id, state]));
  const sorted = (map: Map<string, string>) => [...map].sort();
  const same = async (store: string, space: string, state: string) =>
    assert.deepEqual(sorted(await statesOf(lab, store, space)), sorted(wanted(state)), `${store} ${space}`);
  await same(NAMES.oldSho, 'release', 'gone');
  await same(NAMES.newSho, 'order', 'done');
  await same(NAMES.ro, 'delivery', 'registered');
  const given = (await lab.stores.get(NAMES.newSho)?.list<{ orderId?: string }>('subscription')) ?? [];
  const orders = given.flatMap(({ value }) => value.orderId ?? []);
  assert.deepEqual([orders.length, new Set(orders).size], [ids.length, ids.length], 'subscriptions given');
  for (const id of ids) {
    const changes = (await lab.stores.get(id)?.list<{ state: string }>('m2me-change')) ?? [];
    assert.deepEqual(
      changes.map(({ value }) => value.state),
      ['finished'],
      id,
    );
  }
}

/** The lab's owner configuration, changed, with a fleet file of these lines. */
export function argsOf({ dir }: Pick<FleetLab, 'dir'>, lines: readonly string[], change: object = {}): string[] {
  const config = parse(readFileSync(join(dir, 'config', 'owner.yaml'), 'utf8')) as object;
  writeFileSync(join(dir, 'owner.yaml'), stringify({ ...config, patienceSeconds: 5, ...change }));
  writeFileSync(join(dir, 'some.csv'), ['machine,url', ...lines, ''].join('\n'));
  return ['--fleet', join(dir, 'some.csv'), '--config', join(dir, 'owner.yaml'), '--json'];
}

export function lineOf({ lab }: Pick<FleetLab, 'lab'>, i: number): string {
  const machine = lab.plan.m2me[i];
  return `${machine?.id},http://127.0.0.1:${machine?.local.port}`;
}

export const countsOf = (run: ChangeRun) => reportOf(run)?.['counts'] as Record<string, number>;
