import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { holdPorts, type LabPlan, openLabPki, parseScenario, planLab } from '../../src/lab/index.ts';
import type { M2meConfig } from '../../src/m2me/index.ts';
import type { StoreConfig } from '../../src/store/index.ts';
import { freeBasePort, withFreePorts } from '../support/ports.ts';
import { bundle } from './bundle.ts';
import type { Listed, Role } from './messages.ts';
import { createParties, type Deadly } from './parties.ts';
import { createPool } from './processes.ts';

export const PARTIES = ['hss-a', 'hss-b', 'bsf-a', 'bsf-b', 'sho-a', 'sho-b', 'ro', 'pva'] as const;
/** Those of one change; everybody else outlives it. */
export const GUESTS = ['m2me', 'owner'] as const;
export type Name = (typeof PARTIES)[number] | (typeof GUESTS)[number];
export const EVERYBODY: readonly Name[] = [...PARTIES, ...GUESTS];

/** All parties of operator changes, each a process of its own, and machines that nobody has changed yet. */
export interface World {
  plan: LabPlan;
  /** Begins a change: every write of it is noted in a file of its party's name in the folder that is returned. */
  watch(deadly: Deadly<Name>): Promise<string>;
  /** Starts the machine, or its owner. */
  start(role: Role & { kind: 'm2me' | 'owner' }): Promise<void>;
  stop(name: Name): Promise<void>;
  list(name: Name, space: string): Promise<Listed[]>;
  /** How the owner's change ended, however often its process was killed meanwhile. */
  ownerEnded(): Promise<{ state: string; reason?: string }>;
  /** Processes that were killed since `watch`, and anything that went wrong with one. */
  kills(): number;
  faults(): readonly string[];
  /** The machine of this number, as it leaves the factory. */
  machine(i: number): M2meConfig;
  close(): Promise<void>;
}

export type StoreOf = (party: string, dir: string) => StoreConfig;
export const onLmdb: StoreOf = (party, dir) => ({ driver: 'lmdb', path: join(dir, 'store', party) });

/** Of the parties, beside one for each machine. */
const PORTS = 16;
/** How soon things are looked at again: as fast as a test wants, and patient with whoever is being restarted. */
const POLL = { pollMs: 20, idlePollMs: 20, recallPollMs: 60_000 };
const LOOKS = { firstLookSeconds: 0.05, longestLookSeconds: 0.2, patienceSeconds: 60, timeoutSeconds: 60 };

export const startWorld = (machines: number, storeOf: StoreOf): Promise<World> =>
  withFreePorts(() => tryWorld(machines, storeOf));

async function tryWorld(machines: number, storeOf: StoreOf): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-crash-'));
  const program = await bundle('./party.ts', dir);
  const pki = await openLabPki(join(dir, 'pki'), systemClock, systemRandom);
  const basePort = await freeBasePort(PORTS + machines);
  const scenario = parseScenario(`basePort: ${basePort}\ngraceMs: 120000\nfleet: { count: ${machines} }\n`);
  const driver = (party: string): StoreConfig => storeOf(party, dir);
  const plan = await planLab(dir, scenario, pki, { driver, random: systemRandom, enrol: false });
  // Nobody else on this host takes a machine's port before its turn.
  const held = await holdPorts(plan.m2me.map(({ local }) => local)).catch((error: unknown) => {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  });
  const pool = createPool(program, dir, 2);
  const parties = createParties<Name>(pool, dir);
  const world: World = {
    plan,
    watch: (deadly) => parties.watch(PARTIES, deadly),
    async start(role) {
      if (role.kind === 'm2me') await held.release(role.config.local.port);
      await parties.start(role.kind, role);
    },
    stop: parties.stop,
    list: parties.list,
    ownerEnded: () => parties.ended('owner'),
    kills: parties.kills,
    faults: parties.faults,
    machine(i) {
      const config = plan.m2me[i];
      if (config === undefined) throw new TypeError('no machine is left');
      return { ...config, ...POLL, store: driver(config.id) };
    },
    async close() {
      parties.close();
      await Promise.all([pool.close(), held.releaseAll()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
  plan.owner = { ...plan.owner, ...LOOKS };
  const { hss, bsf, sho, ro, pva } = plan;
  const both = <C>(list: C[]): [C, C] => {
    const [a, b] = list;
    if (a === undefined || b === undefined) throw new TypeError('the plan has two operators');
    return [a, b];
  };
  const [hssA, hssB] = both(hss);
  const [bsfA, bsfB] = both(bsf);
  const [shoA, shoB] = both(sho);
  await Promise.all([
    parties.start('hss-a', { kind: 'hss', config: hssA }),
    parties.start('hss-b', { kind: 'hss', config: hssB }),
    parties.start('bsf-a', { kind: 'bsf', config: bsfA }),
    parties.start('bsf-b', { kind: 'bsf', config: bsfB }),
    parties.start('sho-a', { kind: 'sho', config: shoA }),
    parties.start('sho-b', { kind: 'sho', config: shoB }),
    parties.start('ro', { kind: 'ro', config: ro }),
    parties.start('pva', { kind: 'pva', config: pva }),
  ]);
  if (parties.faults().length > 0) {
    await world.close();
    throw new TypeError(parties.faults().join('; '));
  }
  return world;
}
