import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { codeOf, messageOf, systemClock, systemRandom } from '../../src/base/index.ts';
import { missingSteps, openOwnerJournal, parseScenario, stepLine } from '../../src/lab/index.ts';
import { openLabPki } from '../../src/lab/pki.ts';
import { planLab, writeConfigs } from '../../src/lab/plan.ts';
import { allocatePorts } from '../../src/lab/ports.ts';
import { readCertificate, verifyChain } from '../../src/x509/index.ts';
import { EXAMPLE_SCENARIO } from '../support/lab.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-setup-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const machine = (k: string) =>
  `machines:\n  - id: m2me-0001\n    subscription: { impi: a@b.test, k: ${k}, op: ${K} }\n`;
const handedOut = `newSubscriptions:\n  - { impi: c@d.test, k: ${K}, op: ${K} }\n`;

for (const { what, text, place } of [
  { what: 'a K of another size', text: machine(`${K}00`) + handedOut, place: 'machines.0.subscription.k' },
  { what: 'an unknown member', text: `${machine(K)}${handedOut}debug: true\n`, place: 'top' },
  { what: 'no machine', text: `machines: []\n${handedOut}`, place: 'machines' },
  { what: 'nothing to hand out', text: machine(K), place: 'newSubscriptions' },
  { what: 'no YAML', text: `k: [${K}`, place: 'not YAML' },
]) {
  test(`a lab file with ${what} is refused by its place, without the value`, () => {
    assert.throws(
      () => parseScenario(text),
      (error) =>
        codeOf(error) === 'scenario-invalid' && messageOf(error).includes(place) && !messageOf(error).includes(K),
    );
  });
}

test('the example has the keys of TS 35.208 test set 1 for the old subscription and set 3 for the new', () => {
  assert.equal(EXAMPLE_SCENARIO.machines[0]?.subscription.k, K);
  assert.equal(EXAMPLE_SCENARIO.machines[0]?.subscription.op, 'cdc202d5123e20f62b6d676ac72cb318');
  assert.equal(EXAMPLE_SCENARIO.newSubscriptions[0]?.k, 'fec86ba6eb707ed08905757b1bb44b8f');
  assert.equal(EXAMPLE_SCENARIO.newSubscriptions[0]?.op, 'dbc59adcb6f9a0ef735477b7fadf8374');
});

test('certificates and configurations are made once, hold together, and nobody else may read a file', async () => {
  const lab = join(dir, 'lab');
  const scenario = { ...EXAMPLE_SCENARIO, basePort: 20_000 };
  const plan = async () => {
    const pki = await openLabPki(join(lab, 'pki'), systemClock, systemRandom);
    return await planLab(lab, scenario, pki, { driver: 'lmdb', random: systemRandom, enrol: false });
  };
  const first = await plan();
  writeConfigs(lab, first);
  const files = readdirSync(lab, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const open = files.filter((entry) => (statSync(join(entry.parentPath, entry.name)).mode & 0o077) !== 0);
  assert.deepEqual(
    open.map(({ name }) => name),
    [],
  );

  const [sho] = first.sho;
  assert.ok(sho);
  const before = readFileSync(sho.tls.cert, 'utf8');
  const ca = readCertificate(readFileSync(sho.tls.ca, 'utf8'));
  verifyChain(readCertificate(before), ca, systemClock.now());
  assert.deepEqual(await plan(), first);
  assert.equal(readFileSync(sho.tls.cert, 'utf8'), before);
});

test('free ports stay the same after a restart: subscriptions hold addresses', async () => {
  const file = join(dir, 'ports.json');
  const ports = await allocatePorts(0, 5, file, systemRandom);
  assert.equal(new Set(ports).size, 5);
  assert.deepEqual(await allocatePorts(0, 5, file, systemRandom), ports);
});

test("the owner's journal goes on where it stopped, and is for the owner's eyes only", () => {
  const file = join(dir, 'owner.json');
  const journal = openOwnerJournal(file);
  assert.equal(journal.allDone(), false);
  journal.note('m2me-0001', { serial: '00'.repeat(16) });
  journal.note('m2me-0001', { orderId: 'order' });
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const again = openOwnerJournal(file);
  assert.deepEqual(again.of('m2me-0001'), { serial: '00'.repeat(16), orderId: 'order' });
  assert.equal(again.allDone(), false);
  again.note('m2me-0001', { done: true });
  assert.equal(openOwnerJournal(file).allDone(), true);
});

test('the report misses no step that was not seen, and a line names step, parties and key id', () => {
  const event = (step: number) => ({ step, party: 'ro.test', what: 'x' });
  assert.deepEqual(missingSteps([1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14].map(event)), [6, 13]);
  const line = stepLine({ ...event(12), to: 'm2me-0001', keyId: 'd54a840c' }, 41.6);
  for (const part of ['12', '42 ms', 'ro.test -> m2me-0001', 'key d54a840c']) assert.ok(line.includes(part), line);
});
