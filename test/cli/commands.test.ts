import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { type Lab, startLab } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO } from '../support/lab.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-commands-'));
let lab: Lab;

before(async () => {
  const scenario = { ...EXAMPLE_SCENARIO, basePort: 0 };
  lab = await startLab({ dir, scenario, clock: systemClock, random: systemRandom, log: silentLog });
});
after(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** A command in a process of its own; `until`: text on standard output after which it gets SIGTERM. */
function run(command: string, args: readonly string[], until?: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    const ended = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      ended.out += chunk.toString();
      if (until !== undefined && ended.out.includes(until)) child.kill('SIGTERM');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      ended.err += chunk.toString();
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code, ...ended }));
  });
}

const gba = (args: readonly string[], until?: string): Promise<Ended> =>
  run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], until);

/** The configuration that the lab wrote for a function, changed, in a file of its own. */
function changed(name: string, change: object): string {
  const config: unknown = parse(readFileSync(join(dir, 'config', `${name}.yaml`), 'utf8'));
  assert.ok(typeof config === 'object');
  const path = join(dir, `${name}-changed.yaml`);
  writeFileSync(path, stringify({ ...config, ...change }));
  return path;
}

async function doctor(fn: string, path: string): Promise<{ code: number | null; failed: Map<string, string> }> {
  const { code, out } = await gba(['doctor', fn, '--config', path, '--json']);
  const findings = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { what: string; ok: boolean; detail: string });
  return { code, failed: new Map(findings.filter(({ ok }) => !ok).map(({ what, detail }) => [what, detail])) };
}

test('an unknown command and an unknown option end with an error and a hint, not with a start', async () => {
  for (const args of [['nosuch'], ['lab', '--bogus'], ['bsf']]) {
    const { code, err } = await gba(args);
    assert.notEqual(code, 0);
    assert.notEqual(err, '');
  }
});

test('a wrong configuration is one line that names the file and the place of each complaint', async () => {
  const path = changed('bsf-a', { name: 'BSF.Sho-A.test', keyLifetimeSeconds: 0, extra: 1 });
  const { code, out, err } = await gba(['bsf', '--config', path]);
  assert.equal(code, 1);
  assert.equal(out, '');
  assert.equal(err.trim().split('\n').length, 1);
  for (const part of ['gba: config-invalid:', path, 'name:', 'keyLifetimeSeconds:', 'extra'])
    assert.ok(err.includes(part), err);
});

test('doctor fails for a port in use and for a key that is not the one of its certificate, and says so', async () => {
  const busy = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => busy.once('listening', resolve));
  const address = busy.address();
  assert.ok(typeof address === 'object' && address !== null);
  const [bsf, other] = lab.plan.bsf;
  assert.ok(bsf && other);
  const path = changed('bsf-a', {
    ub: { address: '127.0.0.1', port: address.port },
    sbi: { address: '127.0.0.1', port: 0 },
    tls: { ...bsf.tls, key: other.tls.key },
    keyFile: 'env:GBA_TEST_NO_SUCH_VARIABLE',
    store: { driver: 'memory' },
  });
  const { code, failed } = await doctor('bsf', path);
  busy.close();
  assert.equal(code, 1);
  assert.match(failed.get('ub port') ?? '', /port-in-use/);
  assert.match(failed.get('tls certificate') ?? '', /key-invalid/);
  assert.match(failed.get('sealing key') ?? '', /config-invalid/);
  assert.deepEqual([...failed.keys()].sort(), ['sealing key', 'tls certificate', 'ub port']);
});

test('doctor finds nothing wrong with what the lab wrote, but that its ports are in use', async () => {
  for (const [fn, name] of [
    ['hss', 'hss-a'],
    ['sho', 'sho-b'],
    ['m2me', 'm2me-0001'],
  ] as const) {
    const { failed } = await doctor(fn, join(dir, 'config', `${name}.yaml`));
    const other = [...failed].filter(([, detail]) => !detail.startsWith('port-in-use'));
    assert.deepEqual(other, []);
  }
});

test('a function runs alone from the configuration that the lab wrote, and ends with 0 on SIGTERM', async () => {
  const listen = { address: '127.0.0.1', port: 0 };
  const path = changed('hss-b', { sbi: listen, store: { driver: 'memory' } });
  const { code, out } = await gba(['hss', '--config', path], 'up (');
  assert.match(out, /gba hss: up \(sbi \d+\)/);
  assert.equal(code, 0);
});

test('curl --digest reads the page with the key that m2me bootstrap prints, and not with another', async () => {
  const [machine] = lab.plan.m2me;
  assert.ok(machine);
  const page = `http://127.0.0.1:${lab.plan.page.listen.port}/`;
  const url = `http://127.0.0.1:${machine.local.port}`;
  const { code, out } = await gba(['m2me', 'bootstrap', '--url', url, '--naf', lab.plan.page.fqdn, '--json']);
  assert.equal(code, 0);
  const { btid, password } = JSON.parse(out) as { btid: string; password: string };
  const curl = (secret: string) =>
    run('curl', ['-s', '-w', '%{http_code}', '--digest', '-u', `${btid}:${secret}`, page]);
  assert.match((await curl('AAAA')).out, /401$/);
  const read = await curl(password);
  assert.ok(read.out.includes(btid) && read.out.endsWith('200'), read.out);
});
