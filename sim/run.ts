import type { FunctionDeps } from '../src/flow/index.ts';
import type { Carrier } from '../src/m2me/index.ts';
import { createAttacker } from './attacker.ts';
import { Dice } from './dice.ts';
import { endOf } from './end.ts';
import { type Fault, Faults } from './faults.ts';
import { Kernel, type Life } from './kernel.ts';
import { createMachineReader } from './machine-view.ts';
import { createOracle, type Violation } from './oracle.ts';
import { startOwner } from './owners.ts';
import { preload } from './preload.ts';
import { planOf } from './scenario.ts';
import { MINUTE, type Setting, START } from './setting.ts';
import { createTrace, type TraceLine } from './trace.ts';
import { createWorld, powerMachine, powerParties, type World } from './world.ts';

export interface RunResult {
  seed: number;
  violations: readonly Violation[];
  faults: readonly Fault[];
  steps: number;
  /** How the wishes ended, one word each. */
  ends: readonly string[];
  trace: readonly TraceLine[];
  /** A digest of everything that happened: equal for equal runs. */
  fingerprint: string;
}

export interface RunOptions {
  /** Only these faults may happen. */
  keep?: (key: string) => boolean;
  /** Every message and log line, too. */
  verbose?: boolean;
}

/** Longest time that anything may need once nothing goes wrong any more. */
const PATIENCE_MS = 3 * 24 * 60 * MINUTE;

/** How long an ended run is troubled further. */
const AFTERWARDS_MS = MINUTE;

/** One run: everything that happens follows from `seed`. */
export async function runSeed(setting: Setting, seed: number, options: RunOptions = {}): Promise<RunResult> {
  const dice = new Dice(seed);
  const plan = planOf(dice, setting);
  const kernel = new Kernel(START);
  const faults = new Faults(dice, plan.profile, kernel, options.keep);
  const trace = createTrace(kernel, options.verbose === true);
  const oracle = createOracle(setting);
  const attacker = createAttacker({ kernel, dice, faults, net: () => world.net }, setting, plan.profile.attack);
  faults.onFault = (fault) => trace.say(`! ${fault.what}`);
  const world: World = createWorld({ kernel, dice, faults }, setting, {
    request(heard) {
      trace.tell(`  ${heard.from} > ${heard.to} ${heard.method} ${heard.path}`);
      oracle.secrecy.request(heard);
      if (heard.to.startsWith('bsf.')) oracle.commissioned(heard.from);
      attacker.hears(heard);
    },
    answer(heard, answer) {
      trace.tell(`  ${heard.from} < ${heard.to} ${answer.status}`);
      oracle.secrecy.answer(heard, answer);
      oracle.answered(heard.to, heard.from, heard.path, answer.status);
    },
    swap: (heard, answer) => attacker.swaps(heard, answer),
    written(written) {
      oracle.written(written);
      trace.written(written);
    },
    step: ({ step, party, what, serial }) => trace.say(`${party}: ${step} ${what} ${serial?.slice(0, 6) ?? ''}`),
    log: trace.log,
  });

  const readers = new Map<string, () => void>();
  const afterEach = (): void => {
    for (const look of readers.values()) look();
    for (const { rule, what } of oracle.violations.slice(trace.reported)) trace.violation(rule, what);
  };
  faults.over = true;
  powerParties(world, setting);
  for (const m2meId of plan.machines) {
    const bothPresent = plan.wishes.some((wish) => wish.m2meId === m2meId && wish.bothPresent);
    const bare = setting.plan.m2me.find(({ id }) => id === m2meId);
    if (bare === undefined) continue;
    const config = bothPresent ? await preload(setting, world, bare) : bare;
    const cutOff = plan.cutOff.includes(m2meId);
    const carrier: Carrier = { up: (operator) => operator !== undefined || !cutOff };
    const disk = powerMachine(world, config, carrier, { dice, faults });
    const read = createMachineReader(config, disk);
    let seen = -1;
    readers.set(config.id, () => {
      if (disk.changes === seen) return;
      seen = disk.changes;
      oracle.machine(config.id, read());
    });
  }
  faults.over = false;
  const ends = new Map<string, string>();
  for (const owner of new Set(plan.wishes.map((wish) => wish.owner))) {
    const wishes = plan.wishes.filter((wish) => wish.owner === owner);
    const begin = (deps: FunctionDeps, life: Life) =>
      startOwner(setting, wishes, deps, life, {
        ended(m2meId, { state, reason }) {
          ends.set(`${owner} ${m2meId}`, state);
          trace.say(`${owner}: ${m2meId} ${state} ${reason ?? ''}`);
        },
      });
    kernel.after(wishes[0]?.startMs ?? 0, () => world.power(owner, begin));
  }
  attacker.begin();
  for (const { one, other, fromMs, forMs } of plan.partitions) {
    kernel.after(fromMs, () => {
      const key = `partition ${one} ${other}`;
      if (one === other || !faults.happens(key, 1, `${one} and ${other} cannot reach each other`)) return;
      world.net.cut.add(`${one} ${other}`);
      kernel.after(forMs, () => world.net.cut.delete(`${one} ${other}`));
    });
  }
  const quiet = (): void => {
    if (faults.over) return;
    faults.over = true;
    world.net.cut.clear();
    trace.say('from here on nothing goes wrong any more');
  };
  let atRest = false;
  const settled = (): boolean => {
    if (oracle.violations.length > 0 || world.broken.length > 0) return true;
    if (oracle.ledger.open.size > 0) return false;
    const wished = plan.wishes.every(({ owner, m2meId }) => isSettledEnd(ends.get(`${owner} ${m2meId}`)));
    if (!wished || [...world.lives.values()].some(({ alive }) => !alive)) return false;
    // Everything has ended: a little longer for late copies and attackers, then it has to be at rest again.
    if (!atRest) kernel.after(AFTERWARDS_MS, quiet);
    atRest = true;
    return faults.over;
  };
  kernel.after(plan.faultsEndMs, quiet);
  const done = await kernel.run(START + plan.faultsEndMs + PATIENCE_MS, settled, afterEach);
  for (const { party, code } of world.broken) oracle.violations.push({ rule: 'I8', what: `${party} ends: ${code}` });
  if (oracle.violations.length === 0) {
    oracle.violations.push(...(await endOf({ done, plan, setting, world, oracle, ends, afterEach })));
  }
  for (const { rule, what } of oracle.violations.slice(trace.reported)) trace.violation(rule, what);
  for (const life of world.lives.values()) life.alive = false;
  return {
    seed,
    violations: oracle.violations,
    faults: faults.fired,
    steps: kernel.steps,
    ends: plan.wishes.map(({ owner, m2meId }) => ends.get(`${owner} ${m2meId}`) ?? 'open'),
    trace: trace.lines,
    fingerprint: trace.fingerprint(),
  };
}

const isSettledEnd = (end: string | undefined): boolean => end !== undefined && end !== 'failed';
