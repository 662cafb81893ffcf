import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { type Lab, startLab } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO } from '../support/lab.ts';
import { gba, run, until } from './process.ts';

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
  const { findings } = JSON.parse(out) as { findings: { what: string; ok: boolean; detail: string }[] };
  return { code, failed: new Map(findings.filter(({ ok }) => !ok).map(({ what, detail }) => [what, detail])) };
}

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

test('a configuration that is no YAML is refused with the place and without the line, which may hold a key', async () => {
  const path = join(dir, 'no.yaml');
  writeFileSync(path, 'name: x\nk: [465b5ce8b199b49faa5f0a2ee238a6bc\n');
  const { code, err } = await gba(['hss', '--config', path]);
  assert.equal(code, 1);
  assert.match(err, /no\.yaml is neither YAML nor JSON: wrong at line \d+, column \d+\n$/);
});

test('doctor names files, folders and addresses that cannot be used, and makes none of them', async () => {
  const nope = join(dir, 'nope.pem');
  const listen = { address: '127.0.0.1', port: 0 };
  const store = { driver: 'lmdb', path: join(dir, 'config', 'ro.yaml', 'x') };
  const m2me = changed('m2me-0001', { local: listen, ca: nope, treDir: join(nope, 'tre'), initialMcim: nope, store });
  const machine = (await doctor('m2me', m2me)).failed;
  assert.deepEqual([...machine.keys()].sort(), ['ca certificate', 'initialMcim', 'store']);
  assert.equal(existsSync(nope), false);
  const [sho] = lab.plan.sho;
  assert.ok(sho);
  const pva = { ...sho.pva, certificate: nope };
  const operator = (await doctor('sho', changed('sho-a', { ua: listen, sbi: listen, pva, id: 'other.test' }))).failed;
  assert.deepEqual([...operator.keys()].sort(), ['pva certificate', 'tls certificate']);
  assert.match(operator.get('tls certificate') ?? '', /certificate-other-name/);
  const zn = [{ bsf: `${'long-name.'.repeat(24)}test`, peer: { url: 'https://127.0.0.1:1', serverName: 'bsf.test' } }];
  const long = (await doctor('sho', changed('sho-a', { ua: listen, sbi: listen, zn }))).failed;
  assert.match(long.get('PSK TLS') ?? '', /psk-identity-too-long.*shorter name/);
  const far = { address: '203.0.113.77', port: 18999 };
  const hss = (await doctor('hss', changed('hss-a', { sbi: far, subscribersFile: nope }))).failed;
  assert.deepEqual([...hss.keys()].sort(), ['sbi port', 'subscribersFile']);
  assert.match(hss.get('sbi port') ?? '', /address-foreign/);
  const manufacturers = (await doctor('pva', changed('pva', { m2me: listen, sbi: listen, manufacturers: [nope] })))
    .failed;
  assert.deepEqual([...manufacturers.keys()], [`manufacturer ${nope}`]);
  const unreadable = await doctor('pva', nope);
  assert.match(unreadable.failed.get('configuration') ?? '', /config-file-unreadable.*Check the path/);
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
  const { code, out } = await gba(['hss', '--config', path], until('up ('));
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
