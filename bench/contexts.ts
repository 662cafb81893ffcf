import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Live contexts, and how long filling may take. A store in memory is for trials: it is measured with fewer. */
const RUNS = [
  { driver: 'lmdb', count: 1_000_000, seconds: 300 },
  { driver: 'memory', count: 100_000, seconds: 30 },
] as const;
const FILL = fileURLToPath(new URL('./contexts-fill.ts', import.meta.url));
const MEBIBYTE = 1024 * 1024;

interface Filled {
  made: number;
  fillMs: number;
  looksPerSecond: number;
  /** Of the process itself, without and with cached pages of the store. */
  ownBytes: number;
  rssBytes: number;
  diskBytes: number;
}

function run(driver: string, count: number, seconds: number, folder: string): Filled {
  const args = ['--expose-gc', '--import', 'tsx', FILL];
  const wish = [driver, String(count), String(seconds), ...(driver === 'lmdb' ? [folder] : [])];
  return JSON.parse(execFileSync(process.execPath, [...args, ...wish], { encoding: 'utf8' })) as Filled;
}

/** What live contexts of a BSF cost: a line for each driver. */
export function* benchContexts(): Generator<string> {
  for (const { driver, count, seconds } of RUNS) {
    const folder = mkdtempSync(join(tmpdir(), 'gba-contexts-'));
    try {
      const filled = run(driver, count, seconds, folder);
      // What a BSF that is started on them takes is what counts, not what filling left behind.
      const looked = driver === 'lmdb' ? run(driver, filled.made, 0, folder) : filled;
      yield lineOf(driver, count, filled, looked);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function lineOf(driver: string, wanted: number, filled: Filled, looked: Filled): string {
  const { made } = filled;
  const size = (bytes: number): string =>
    `${Math.round(bytes / made)} bytes a context (${Math.round(bytes / MEBIBYTE)} MiB)`;
  const disk = driver === 'lmdb' ? `, disk ${size(filled.diskBytes)}` : '';
  return [
    `live contexts, ${driver}: ${made}${made < wanted ? ` (time was over before ${wanted})` : ''}`,
    `own memory ${size(looked.ownBytes)}, resident with cached pages ${size(looked.rssBytes)}${disk}`,
    `${Math.round((made / filled.fillMs) * 1000)} made/s, ${Math.round(looked.looksPerSecond)} looked up and opened/s`,
  ].join('; ');
}
