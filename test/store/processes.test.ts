import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/base/index.ts';
import { openStore, type StoreConfig } from '../../src/store/index.ts';
import { postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { postgresConfig } from './support.ts';

const PROCESSES = 2;
const LANES = 8;
const EACH = 25;

/** One of the processes: lanes that raise one counter together, each step in one commit with a line of its own. */
const SCRIPT = `
  import { openStore } from ${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)};
  const [config, name] = [JSON.parse(process.argv[1]), process.argv[2]];
  const store = await openStore(config, { now: () => Date.now() });
  let lost = 0;
  const lane = async (lane) => {
    for (let i = 0; i < ${EACH}; ) {
      const entry = await store.get('s', 'counter');
      const put = (entry?.value ?? 0) + 1;
      const line = { space: 's', key: 'line/' + String(put).padStart(6, '0'), expect: 0, put: name + '/' + lane + '/' + i };
      if (await store.commit([{ space: 's', key: 'counter', expect: entry?.version ?? 0, put }, line])) i++;
      else lost++;
      // Everybody has a go at the same slots too: one winner each.
      const slot = { space: 's', key: 'slot/' + i, expect: 0, put: name };
      if (await store.commit([slot, { space: 's', key: 'won/' + i + '/' + name, expect: 0, put: 1 }])) continue;
    }
  };
  await Promise.all(Array.from({ length: ${LANES} }, (_, i) => lane(i)));
  await store.close();
  console.log(lost);`;

function run(config: StoreConfig, name: string): Promise<{ code: number | null; output: string }> {
  const args = ['--import', 'tsx', '--input-type=module', '-e', SCRIPT, JSON.stringify(config), name];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

async function race(config: StoreConfig): Promise<void> {
  const ended = await Promise.all(Array.from({ length: PROCESSES }, (_, i) => run(config, `p${i}`)));
  for (const { code, output } of ended) assert.equal(code, 0, output);
  assert.ok(
    ended.some(({ output }) => Number(output) > 0),
    'they met',
  );

  const store = await openStore(config, systemClock);
  const all = PROCESSES * LANES * EACH;
  assert.equal((await store.get('s', 'counter'))?.value, all);
  const lines = await store.list<string>('s', { prefix: 'line/' });
  assert.equal(lines.length, all);
  assert.equal(new Set(lines.map(({ value }) => value)).size, all, 'each step once');
  const slots = await store.list<string>('s', { prefix: 'slot/' });
  const won = await store.list('s', { prefix: 'won/' });
  assert.deepEqual(
    won.map(({ key }) => key),
    slots.map(({ key, value }) => `won/${key.slice(5)}/${value}`),
  );
  const versions = (await store.list('s')).map(({ version }) => version);
  assert.equal(new Set(versions).size, versions.length, 'no version twice');
  await store.close();
}

test('lmdb: two processes lose no step, double none, and each slot has one winner', async () => {
  const path = mkdtempSync(join(tmpdir(), 'gba-store-'));
  await race({ driver: 'lmdb', path }).finally(() => rmSync(path, { recursive: true }));
});

test('postgres: two processes lose no step, double none, and each slot has one winner', postgresOrSkip, async () => {
  const server = await startPostgres();
  await race(postgresConfig(server.socketUrl)).finally(() => server.stop());
});
