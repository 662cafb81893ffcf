import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, type Random, systemClock, systemRandom } from '../../src/base/index.ts';
import { bsfConfigSchema, type RunningBsf, startBsf } from '../../src/bsf/index.ts';
import { hssConfigSchema, type RunningHss, startHss } from '../../src/hss/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { makeTestPki } from '../support/pki.ts';

export const HSS = 'hss.home.test';
export const BSF = 'bsf.home.test';
export const NAF = 'naf.visited.test';
export const STRANGER = 'stranger.test';
export const IMPI = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';

export const pki = makeTestPki([HSS, BSF, NAF, STRANGER, 'relay.home.test']);
const dir = mkdtempSync(join(tmpdir(), 'gba-diameter-'));
const keyFile = join(dir, 'key');
writeFileSync(keyFile, systemRandom.bytes(32).toString('hex'));

/** The n-th draw of a length is the same for the same seed: two HSSs with one seed make the same RANDs. */
export function seededRandom(seed: string): Random {
  const counts = new Map<number, number>();
  return {
    bytes(length) {
      const count = counts.get(length) ?? 0;
      counts.set(length, count + 1);
      const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
        createHash('sha256').update(`${seed} ${length} ${count} ${i}`).digest(),
      );
      return Buffer.concat(blocks).subarray(0, length);
    },
  };
}

export function keepingLog(lines: string[]): Log {
  const keep = (event: string, fields?: object) => void lines.push(JSON.stringify({ event, ...fields }));
  const log: Log = { info: keep, warn: keep, error: keep, child: () => log };
  return log;
}

const SUBSCRIBER = { k: '465b5ce8b199b49faa5f0a2ee238a6bc', opc: 'cd63cb71954a9f4e48a5994e37a02baf' };
export const USS = [
  { uss: { gsId: 1, gsType: 1, ueIds: [{ ueId: 'sip:a&b@home.test' }], flags: [{ flag: 1 }] } },
  { uss: { gsId: 7, gsType: 0, ueIds: [{ ueId: 'tel:+1' }, { ueId: 'sip:c@home.test' }], nafGroup: 'other' } },
];

export async function startLabHss(options: {
  diameter?: unknown;
  random?: Random;
  subscriber?: object;
  clients?: string[];
  admin?: string[];
  lines?: string[];
}): Promise<RunningHss> {
  const file = join(dir, `subscribers-${systemRandom.bytes(6).toString('hex')}.json`);
  writeFileSync(file, JSON.stringify([{ impi: IMPI, ...SUBSCRIBER, ...options.subscriber }]));
  const config = hssConfigSchema.parse({
    name: HSS,
    sbi: { port: 0 },
    tls: pki.files(HSS),
    clients: { av: options.clients ?? [BSF], admin: options.admin ?? [] },
    subscribersFile: file,
    store: { driver: 'memory' },
    keyFile,
    ...(options.diameter !== undefined && { diameter: options.diameter }),
  });
  const store = createMemoryStore(systemClock);
  const log = keepingLog(options.lines ?? []);
  return await startHss(config, { clock: systemClock, random: options.random ?? systemRandom, log, store });
}

export async function startLabBsf(options: {
  hss: unknown;
  diameter?: unknown;
  lines?: string[];
  config?: object;
}): Promise<RunningBsf & { ub: string; sbi: string }> {
  const config = bsfConfigSchema.parse({
    name: BSF,
    ub: { port: 0 },
    sbi: { port: 0 },
    tls: pki.files(BSF),
    hss: options.hss,
    nafs: [{ client: NAF, hosts: [NAF], gsIds: [1, 7, 9] }],
    store: { driver: 'memory' },
    keyFile,
    ...(options.diameter !== undefined && { diameter: options.diameter }),
    ...options.config,
  });
  const store = createMemoryStore(systemClock);
  const log = keepingLog(options.lines ?? []);
  const bsf = await startBsf(config, { clock: systemClock, random: systemRandom, log, store });
  return { ...bsf, ub: `http://127.0.0.1:${bsf.ports.ub}`, sbi: `https://127.0.0.1:${bsf.ports.sbi}` };
}

export const node = (host: string, peers: unknown[], more: object = {}) => ({
  host,
  realm: host.slice(host.indexOf('.') + 1),
  peers,
  ...more,
});
