import { join } from 'node:path';
import type { Clock, Log, Random } from '../base/index.ts';
import { startBsf } from '../bsf/index.ts';
import type { FunctionDeps, StepEvent } from '../flow/index.ts';
import { startHss } from '../hss/index.ts';
import type { Carrier, RunningM2me } from '../m2me/index.ts';
import { startPki } from '../pki/index.ts';
import { startPva } from '../pva/index.ts';
import { startRo } from '../ro/index.ts';
import { startSho } from '../sho/index.ts';
import { openStore, type Store, type StoreConfig } from '../store/index.ts';
import { startMachines } from './machines.ts';
import { startPage } from './page.ts';
import { type LabPki, openLabPki } from './pki.ts';
import { type LabDriver, type LabPlan, planLab, type UaMethods, writeConfigs } from './plan.ts';
import { holdPorts } from './ports.ts';
import { preloadMachines } from './preload.ts';
import type { Scenario } from './scenario.ts';

export interface LabOptions {
  dir: string;
  scenario: Scenario;
  clock: Clock;
  random: Random;
  log: Log;
  /** Where every party keeps its records: in its folder of the lab, in memory, or where this says for its name. */
  driver?: LabDriver;
  /** A clock of its own for a party, by name: clocks drift. */
  clockOf?: (name: string) => Clock;
  /** Measures patience and durations, when `clock` may jump. */
  wallClock?: Clock;
  carrier?: Carrier;
  /** The new subscription is put into every machine before its change. */
  bothPresent?: boolean;
  /** Machines have no factory key: the old operator's PKI portal certifies one. */
  enrol?: boolean;
  ua?: UaMethods;
  onStep?: (event: StepEvent) => void;
  wrap?: FunctionDeps['wrap'];
}

export interface Lab {
  options: LabOptions;
  plan: LabPlan;
  pki: LabPki;
  /** Every party's store by its name: for looking at, never for writing. */
  stores: ReadonlyMap<string, Store>;
  machines: ReadonlyMap<string, RunningM2me>;
  /** Stops one party for good. */
  stop(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts every party of an operator change on loopback, each from its own configuration. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const { dir, clock, random, log, onStep, wrap } = options;
  const pki = await openLabPki(join(dir, 'pki'), clock, random);
  const { driver = 'lmdb', enrol = false, ua = {} } = options;
  const plan = await planLab(dir, options.scenario, pki, { driver, random, enrol, ua });
  writeConfigs(dir, plan);
  const held = await holdPorts(plan.m2me.map(({ local }) => local));
  const running = new Map<string, { close(): Promise<void> }>();
  const stores = new Map<string, Store>();
  const machines = new Map<string, RunningM2me>();

  const depsOf = async (name: string, config: StoreConfig): Promise<FunctionDeps> => {
    const own = options.clockOf?.(name) ?? clock;
    const store = await openStore(config, own, log);
    stores.set(name, store);
    return { clock: own, random, log, store, ...(onStep && { onStep }), ...(wrap && { wrap }) };
  };
  const stop = async (name: string): Promise<void> => {
    const one = running.get(name);
    running.delete(name);
    await one?.close();
  };
  const close = async (): Promise<void> => {
    await Promise.all([...running.keys()].reverse().map(stop));
    await Promise.all([...stores.values()].map((store) => store.close()));
  };

  try {
    for (const config of plan.hss)
      running.set(config.name, await startHss(config, await depsOf(config.name, config.store)));
    for (const config of plan.bsf)
      running.set(config.name, await startBsf(config, await depsOf(config.name, config.store)));
    if (plan.pki !== undefined) {
      const { fqdn, store } = plan.pki;
      running.set(fqdn, await startPki(plan.pki, await depsOf(fqdn, store)));
    }
    for (const config of plan.sho)
      running.set(config.id, await startSho(config, await depsOf(config.id, config.store)));
    running.set(plan.ro.id, await startRo(plan.ro, await depsOf(plan.ro.id, plan.ro.store)));
    running.set(plan.pva.id, await startPva(plan.pva, await depsOf(plan.pva.id, plan.pva.store)));
    if (options.bothPresent === true) {
      plan.m2me = await preloadMachines(plan, pki, dir);
      writeConfigs(dir, plan);
    }
    await startMachines(plan.m2me, {
      carrier: options.carrier,
      depsOf,
      release: held.release,
      started(id, machine) {
        machines.set(id, machine);
        running.set(id, machine);
      },
    });
    running.set(plan.page.fqdn, await startPage(plan.page, { clock, random, log, ...(wrap && { wrap }) }));
  } catch (error) {
    await Promise.all([close(), held.releaseAll()]);
    throw error;
  }
  return { options, plan, pki, stores, machines, stop, close };
}
