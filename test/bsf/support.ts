import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, silentLog, systemRandom } from '../../src/base/index.ts';
import { bsfConfigSchema, startBsf } from '../../src/bsf/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { createTestHss } from '../support/av-source.ts';
import { makeTestPki, type TestPki } from '../support/pki.ts';
import { type send, testSubscriber } from '../support/ue.ts';

export const BSF = 'bsf.sho-a.test';
export const NAF = 'naf.sho-a.test';

export const blank = (text: string): string =>
  text.replace(/nonce="[^"]*"/, 'nonce="-"').replace(/date: [^\n]*/i, 'date: -');

/** Status, header names in order, values and body, with nonce and date blanked: what an observer sees. */
export function seen(answer: Awaited<ReturnType<typeof send>>): string {
  const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`);
  return blank([String(answer.status), ...headers, answer.body.toString()].join('\n'));
}

/** Vectors come from the test's own process, or by SBI from the server named in `hssOverSbi`. */
export async function startTestBsf(
  options: {
    pki?: TestPki;
    config?: Record<string, unknown>;
    hssOverSbi?: { url: string; serverName: string };
    /** Gets every log line as text. */
    lines?: string[];
  } = {},
) {
  const pki = options.pki ?? makeTestPki([BSF, NAF, 'ro.test', 'sho-a.test', 'stranger.test']);
  const keyFile = join(mkdtempSync(join(tmpdir(), 'gba-bsf-')), 'key');
  writeFileSync(keyFile, systemRandom.bytes(32).toString('hex'));
  const time = { now: Date.UTC(2027, 0, 1) };
  const clock = { now: () => time.now };
  const store = createMemoryStore(clock);
  const hss = createTestHss();
  const events: { event: string; code?: unknown }[] = [];
  const keep: Log['info'] = (event, fields) => {
    events.push({ event, code: fields?.['code'] });
    options.lines?.push(JSON.stringify({ event, ...fields }));
  };
  const log: Log = {
    ...silentLog,
    info: keep,
    error: keep,
    child: () => log,
  };
  const config = bsfConfigSchema.parse({
    name: BSF,
    ub: { port: 0 },
    sbi: { port: 0 },
    tls: pki.files(BSF),
    hss: options.hssOverSbi ?? { url: 'https://127.0.0.1:1', serverName: 'hss.sho-a.test' },
    nafs: [
      { client: NAF, hosts: [NAF, 'other.sho-a.test'], gsIds: [1, 7] },
      { client: 'ro.test', hosts: ['ro.test'] },
    ],
    admin: ['sho-a.test'],
    keyLifetimeSeconds: 3600,
    store: { driver: 'memory' },
    keyFile,
    ...options.config,
  });
  const source = options.hssOverSbi === undefined ? { avSource: hss.source } : {};
  const bsf = await startBsf(config, { clock, random: systemRandom, log, store, ...source });
  const subscriber = testSubscriber();
  hss.add(subscriber.impi, subscriber.keys);
  return {
    bsf,
    pki,
    time,
    clock,
    store,
    hss,
    events,
    subscriber,
    ub: `http://127.0.0.1:${bsf.ports.ub}`,
    sbi: `https://127.0.0.1:${bsf.ports.sbi}`,
    lastCode: () => events.findLast(({ code }) => code !== undefined)?.code,
  };
}
