import { type SecretKey, systemClock } from '../base/index.ts';
import {
  checkStore,
  compareWithBackup,
  type Fault,
  faultOf,
  requireSameFunction,
  type Tally,
  verifyBackup,
} from '../store/index.ts';
import type { StoreTarget } from './store-target.ts';

const EVERY_MS = 1_000;
const TOLD = 20;

export const isoOf = (time: number): string => new Date(time).toISOString();

export function showRecords({ total, records }: Pick<Tally, 'total' | 'records'>): string {
  const spaces = Object.entries(records).map(([space, count]) => `${space} ${count}`);
  return `${total} records${spaces.length === 0 ? '' : ` (${spaces.join(', ')})`}`;
}

/** At most one line a second on standard error. */
export function progressOn({ json }: { json?: true }): (records: number) => void {
  let next = systemClock.now() + EVERY_MS;
  return (records) => {
    const now = systemClock.now();
    if (now < next) return;
    next = now + EVERY_MS;
    process.stderr.write(json ? `${JSON.stringify({ progress: records })}\n` : `${records} records\n`);
  };
}

/** One section of what a check found. */
export interface Part {
  what: string;
  faults: number;
  json: object;
  lines: string[];
}

const tell = ({ space, key, code, message }: Fault): string => `${space}/${key} ${code}: ${message}`;

/** Reads a backup to its end; with a target, every record as that one's function would. */
export function inspectBackup(backup: { file: string; key: SecretKey }, target: StoreTarget | undefined): Part {
  const told: Fault[] = [];
  let faults = 0;
  const { info, tally } = verifyBackup(backup.file, backup.key, (record, made) => {
    if (target === undefined) return;
    requireSameFunction(made, target.fn);
    const fault = faultOf(target.kind, record, target.sealer);
    if (fault === undefined) return;
    faults++;
    if (told.length < TOLD) told.push(fault);
  });
  if (target !== undefined) requireSameFunction(info, target.fn);
  const { fn, driver } = info;
  const madeAt = isoOf(info.madeAt);
  const text = `${fn} on ${driver}, as of ${madeAt}, whole: ${showRecords(tally)}, ${faults} wrong`;
  return {
    what: 'backup',
    faults,
    json: { fn, driver, madeAt, ...tally, faults, told },
    lines: [text, `digest ${tally.digest}`, ...told.map(tell)],
  };
}

export async function inspectStore(target: StoreTarget, progress: (records: number) => void): Promise<Part> {
  const json = await checkStore({ ...target, clock: systemClock, progress });
  const { driver, expired, faults, digest, told } = json;
  const text = `${driver}, ${showRecords(json)}, ${expired} expired, ${faults} wrong`;
  return { what: 'store', faults, json, lines: [text, `digest ${digest}`, ...told.map(tell)] };
}

/** That a store is not as its backup is no fault. */
export async function compare(target: StoreTarget, backup: { file: string; key: SecretKey }): Promise<Part> {
  const json = await compareWithBackup(target.store, systemClock, backup);
  const { same, changed, gone, added } = json;
  const text = `${same} the same, ${changed} changed, ${gone} in the backup only, ${added} in the store only`;
  return { what: 'compared', faults: 0, json, lines: [text] };
}
