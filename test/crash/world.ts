import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { holdPorts, type LabPlan, openLabPki, parseScenario, planLab } from '../../src/lab/index.ts';
import type { M2meConfig } from '../../src/m2me/index.ts';
import type { StoreConfig } from '../../src/store/index.ts';
import { bundle } from './bundle.ts';
import type { Listed, Role, Watch } from './messages.ts';
import type { Point } from './meter.ts';
import { createPool, type PartyProcess } from './processes.ts';

export const PARTIES = ['hss-a', 'hss-b', 'bsf-a', 'bsf-b', 'sho-a', 'sho-b', 'ro', 'pva'] as const;
/** Those of one change; everybody else outlives it. */
export const GUESTS = ['m2me', 'owner'] as const;
export type Name = (typeof PARTIES)[number] | (typeof GUESTS)[number];
export const EVERYBODY: readonly Name[] = [...PARTIES, ...GUESTS];

/** Which points kill a party that starts, or starts again. */
export type Deadly = (name: Name) => readonly Point[];

/** All parties of operator changes, each a process of its own, and machines that nobody has changed yet. */
export interface World {
  plan: LabPlan;
  /** Begins a change: every write of it is noted in a file of its party's name in the folder that is returned. */
  watch(deadly: Deadly): Promise<string>;
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

/** How soon things are looked at again: as fast as a test wants, and patient with whoever is being restarted. */
const POLL = { pollMs: 20, idlePollMs: 20, recallPollMs: 60_000 };
const LOOKS = { firstLookSeconds: 0.05, longestLookSeconds: 0.2, patienceSeconds: 60, timeoutSeconds: 60 };

export async function startWorld(machines: number, storeOf: StoreOf): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-crash-'));
  const program = await bundle('./party.ts', dir);
  const pki = await openLabPki(join(dir, 'pki'), systemClock, systemRandom);
  const scenario = parseScenario(`basePort: 0\ngraceMs: 120000\nfleet: { count: ${machines} }\n`);
  const driver = (party: string): StoreConfig => storeOf(party, dir);
  const plan = await planLab(dir, scenario, pki, { driver, random: systemRandom, enrol: false });
  // Nobody else on this host takes a machine's port before its turn.
  const held = await holdPorts(plan.m2me.map(({ local }) => local));
  const pool = createPool(program, dir, 2);
  const running = new Map<Name, { process: PartyProcess; role: Role }>();
  /** Parties between a kill and their next start. */
  const starting = new Map<Name, Promise<void>>();
  let writes = mkdtempSync(join(dir, 'writes-'));
  let deadly: Deadly = () => [];
  let kills = 0;
  let faults: string[] = [];
  let closing = false;

  const watchOf = (name: Name): Watch => ({ file: join(writes, name), deadly: deadly(name) });

  function launch(name: Name, role: Role): Promise<void> {
    const process = pool.take();
    const launched = { process, role };
    running.set(name, launched);
    void process.gone.then((how) => {
      // The process may have been somebody else before, and that one has stopped.
      if (closing || running.get(name) !== launched) return;
      if (how === 'SIGKILL') kills++;
      else faults.push(`${name} ended with ${how}`);
      void launch(name, role);
    });
    const started = process.ask({ do: 'start', role, watch: watchOf(name) }).then(
      () => undefined,
      (error: Error) => {
        // Killed once more while it came up: the next one is on its way.
        if (running.get(name) !== launched || error.message === 'the process is gone') return;
        faults.push(`${name} does not start: ${error.message}`);
      },
    );
    starting.set(name, started);
    return started;
  }

  async function ask<T>(name: Name, question: Parameters<PartyProcess['ask']>[0]): Promise<T> {
    for (;;) {
      await starting.get(name);
      const one = running.get(name);
      if (one === undefined) throw new TypeError(`nobody is ${name}`);
      try {
        return (await one.process.ask(question)) as T;
      } catch (error) {
        if (!(error instanceof TypeError) || error.message !== 'the process is gone') throw error;
        await one.process.gone;
      }
    }
  }

  const world: World = {
    plan,
    async watch(next) {
      writes = mkdtempSync(join(dir, 'writes-'));
      deadly = next;
      kills = 0;
      faults = [];
      await Promise.all(PARTIES.map((name) => ask(name, { do: 'watch', watch: watchOf(name) })));
      return writes;
    },
    async start(role) {
      if (role.kind === 'm2me') await held.release(role.config.local.port);
      await launch(role.kind, role);
    },
    async stop(name) {
      await starting.get(name);
      const one = running.get(name);
      running.delete(name);
      if (one === undefined) return;
      await one.process.ask({ do: 'stop' });
      pool.giveBack(one.process);
    },
    async list(name, space) {
      const listed = await ask<Listed[] | undefined>(name, { do: 'list', space });
      if (listed === undefined) throw new TypeError(`${name} does not run: ${faults.join('; ')}`);
      return listed;
    },
    async ownerEnded() {
      for (;;) {
        const process = running.get('owner')?.process;
        if (process === undefined) throw new TypeError('there is no owner');
        const end = await Promise.race([process.ended(), process.gone.then(() => undefined)]);
        if (end !== undefined) return end;
        await starting.get('owner');
      }
    },
    kills: () => kills,
    faults: () => faults,
    machine(i) {
      const config = plan.m2me[i];
      if (config === undefined) throw new TypeError('no machine is left');
      return { ...config, ...POLL, store: driver(config.id) };
    },
    async close() {
      closing = true;
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
    launch('hss-a', { kind: 'hss', config: hssA }),
    launch('hss-b', { kind: 'hss', config: hssB }),
    launch('bsf-a', { kind: 'bsf', config: bsfA }),
    launch('bsf-b', { kind: 'bsf', config: bsfB }),
    launch('sho-a', { kind: 'sho', config: shoA }),
    launch('sho-b', { kind: 'sho', config: shoB }),
    launch('ro', { kind: 'ro', config: ro }),
    launch('pva', { kind: 'pva', config: pva }),
  ]);
  if (faults.length > 0) {
    await world.close();
    throw new TypeError(faults.join('; '));
  }
  return world;
}
