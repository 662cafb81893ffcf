import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Dice, octetSource } from '../../sim/dice.ts';
import { SimDisk } from '../../sim/disk.ts';
import { Faults, type Profile } from '../../sim/faults.ts';
import { Kernel, Life } from '../../sim/kernel.ts';
import { runSeed } from '../../sim/run.ts';
import { openSetting, type Setting } from '../../sim/setting.ts';
import { checkRandom } from '../../src/base/index.ts';
import { createDurableFiles } from '../../src/m2me/tre/index.ts';

let setting: Setting;
before(async () => {
  setting = await openSetting();
});
after(() => setting.close());

const CALM: Profile = {
  loss: 0,
  duplicate: 0,
  late: 0,
  slowestMs: 10,
  victims: [],
  kill: 0,
  storeTrouble: 0,
  attack: 0,
};

test('the same seed is the same run, whatever ran before and with other keys', async () => {
  const other = await openSetting();
  try {
    for (const seed of [11, 12, 13]) {
      const one = await runSeed(setting, seed);
      await runSeed(other, 99);
      assert.equal((await runSeed(other, seed)).fingerprint, one.fingerprint, `seed ${seed}`);
    }
  } finally {
    other.close();
  }
});

test('forty seeds: every rule holds, faults happen, and changes end in every way', async () => {
  const ends = new Set<string>();
  let faults = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const result = await runSeed(setting, seed);
    assert.deepEqual(result.violations, [], `seed ${seed}`);
    faults += result.faults.length;
    for (const end of result.ends) ends.add(end);
  }
  assert.ok(faults > 400, `${faults} faults`);
  assert.ok(ends.has('done') && ends.has('refused'), [...ends].join());
});

test('a run from which all faults are taken has none, and every change is done or was cancelled', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const { faults, violations, ends } = await runSeed(setting, seed, { keep: () => false });
    assert.deepEqual([faults, violations], [[], []]);
    for (const end of ends) assert.ok(['done', 'refused', 'returned'].includes(end), end);
  }
});

test("the simulator's randomness passes for a source, and is another one for another name", () => {
  const dice = new Dice(5);
  checkRandom(octetSource(dice, 'a'));
  assert.ok(!octetSource(dice, 'a').bytes(16).equals(octetSource(dice, 'b').bytes(16)));
  assert.ok(octetSource(dice, 'a').bytes(16).equals(octetSource(dice, 'a').bytes(16)));
});

test('time goes by event: what is due at once keeps its order, what was taken back does not happen', async () => {
  const kernel = new Kernel(0);
  const seen: string[] = [];
  kernel.after(5, () => seen.push(`b ${kernel.now}`));
  kernel.after(1, () => seen.push(`a ${kernel.now}`));
  kernel.after(5, () => seen.push(`c ${kernel.now}`));
  kernel.after(3, () => seen.push('never'))();
  const done = await kernel.run(
    100,
    () => false,
    () => undefined,
  );
  assert.deepEqual([done, seen], [false, ['a 1', 'b 5', 'c 5']]);
});

test('the disk loses what was not synced, whole or in part, and keeps what was', async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const kernel = new Kernel(0);
    const dice = new Dice(seed);
    const disk = new SimDisk(new Faults(dice, CALM, kernel), dice);
    const life = new Life(kernel, 'm', 1);
    await createDurableFiles(disk.open(life)).write('/tre/kept', Buffer.from('kept'));
    const file = await disk.open(life).open('/tre/lost', 'w');
    await file.writeFile(Buffer.from('12345678'));
    disk.powerCut('m');
    assert.equal(disk.certain('kept')?.toString(), 'kept');
    outcomes.add(disk.certain('lost')?.toString() ?? 'no such file');
  }
  assert.deepEqual([...outcomes].sort(), ['', '1234', '12345678', 'no such file']);
});

test('a dead process waits for ever and changes nothing', async () => {
  const kernel = new Kernel(0);
  const dice = new Dice(1);
  const disk = new SimDisk(new Faults(dice, CALM, kernel), dice);
  const life = new Life(kernel, 'm', 1);
  life.alive = false;
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  void createDurableFiles(disk.open(life)).write('/tre/x', Buffer.from('x')).then(end, end);
  life.timers.after(1, end);
  await kernel.run(
    10,
    () => false,
    () => undefined,
  );
  assert.deepEqual([ended, disk.certainNames()], [false, []]);
});

test('a wrong option of the simulator is said, with the help, and ends with 2', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['sim/start.js', ...args], { encoding: 'utf8', timeout: 60_000 });
  const wrong = run('--runs', 'many');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /--runs takes a whole number.*\n[\s\S]*--seed N/);
  const help = run('--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /--trace/);
});
