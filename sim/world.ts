import { GbaError, type Log } from '../src/base/index.ts';
import { startBsf } from '../src/bsf/index.ts';
import type { FunctionDeps, StepEvent } from '../src/flow/index.ts';
import { startHss } from '../src/hss/index.ts';
import { type Carrier, type M2meConfig, startM2me } from '../src/m2me/index.ts';
import { startPva } from '../src/pva/index.ts';
import { startRo } from '../src/ro/index.ts';
import { startSho } from '../src/sho/index.ts';
import { type Dice, octetSource } from './dice.ts';
import { SimDisk } from './disk.ts';
import type { Faults } from './faults.ts';
import { type Kernel, Life } from './kernel.ts';
import { type NetWatch, SimNet } from './net.ts';
import { MINUTE, type Setting } from './setting.ts';
import { createSimStore, type SimStore, type Written } from './store.ts';

/** What one run can see and touch. */
export interface World {
  kernel: Kernel;
  net: SimNet;
  stores: Map<string, SimStore>;
  disks: Map<string, SimDisk>;
  /** The living process of each party. */
  lives: Map<string, Life>;
  /** Starts a party, and again after each loss of power. */
  power(name: string, start: (deps: FunctionDeps, life: Life) => Promise<unknown>): void;
  /** Ends with what went wrong outside any rule: a party that cannot start. */
  broken: { party: string; code: string }[];
}

export interface WorldWatch extends NetWatch {
  written(written: Written): void;
  step(event: StepEvent): void;
  log: Log;
}

const LONG_DARK_MS = 15 * MINUTE;

export function createWorld(
  { kernel, dice, faults }: { kernel: Kernel; dice: Dice; faults: Faults },
  setting: Setting,
  watch: WorldWatch,
): World {
  const net = new SimNet(kernel, faults, watch, setting.partyAt);
  const lives = new Map<string, Life>();
  const starters = new Map<string, () => void>();
  const stores = new Map<string, SimStore>();
  const disks = new Map<string, SimDisk>();
  const broken: World['broken'] = [];

  faults.onKill = (life) => {
    disks.get(life.name)?.powerCut(life.name);
    const restart = starters.get(life.name);
    const key = `dark ${life.name} ${life.number}`;
    // Longer than any token lives, now and then.
    const darkMs = dice.chance(`${key} long`, 0.05) ? LONG_DARK_MS : dice.whole(key, 200, 90_000);
    if (restart !== undefined) kernel.after(darkMs, restart);
  };

  return {
    kernel,
    net,
    stores,
    disks,
    lives,
    broken,
    power(name, start) {
      const store = createSimStore(kernel, faults, (written) => watch.written(written));
      stores.set(name, store);
      const begin = (): void => {
        const life = new Life(kernel, name, (lives.get(name)?.number ?? 0) + 1);
        lives.set(name, life);
        const deps: FunctionDeps = {
          clock: { now: () => kernel.now },
          random: octetSource(dice, `${name} ${life.number}`),
          log: watch.log,
          net: net.of(life),
          timers: life.timers,
          store: store.open(life),
          onStep: (event) => life.alive && watch.step(event),
        };
        start(deps, life).catch((error: unknown) => {
          // A start that the store would not let happen is tried again, as a service manager does.
          if (error instanceof GbaError && error.retryable) kernel.after(5_000, () => life.alive && begin());
          else broken.push({ party: name, code: error instanceof Error ? `${error}\n${error.stack}` : String(error) });
        });
      };
      starters.set(name, begin);
      begin();
    },
  };
}

/** Every party but machines and owners. */
export function powerParties(world: World, { plan }: Setting): void {
  for (const config of plan.hss) world.power(config.name, (deps) => startHss(config, deps));
  for (const config of plan.bsf) {
    world.power(config.name, (deps, life) => {
      const wait = (ms: number): Promise<void> => new Promise((resolve) => life.timers.after(ms, resolve));
      return startBsf(config, { ...deps, stopwatch: { now: () => deps.clock.now(), wait } });
    });
  }
  for (const config of plan.sho) world.power(config.id, (deps) => startSho(config, deps));
  world.power(plan.ro.id, (deps) => startRo(plan.ro, deps));
  world.power(plan.pva.id, (deps) => startPva(plan.pva, deps));
}

/** `carrier`: when the machine has connectivity at all. */
export function powerMachine(
  world: World,
  config: M2meConfig,
  carrier: Carrier,
  { dice, faults }: { dice: Dice; faults: Faults },
): SimDisk {
  const disk = new SimDisk(faults, dice);
  world.disks.set(config.id, disk);
  world.power(config.id, (deps, life) => startM2me(config, { ...deps, carrier, disk: disk.open(life) }));
  return disk;
}
