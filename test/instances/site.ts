import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { type LabPlan, openLabPki, parseScenario, planLab } from '../../src/lab/index.ts';
import { openStore, type Store, type StoreConfig } from '../../src/store/index.ts';
import { bundle } from '../crash/bundle.ts';
import type { Role } from '../crash/messages.ts';
import { createParties, type Parties } from '../crash/parties.ts';
import { createPool } from '../crash/processes.ts';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { freeBasePort, withFreePorts } from '../support/ports.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

export type PartyName = 'hss-a' | 'hss-b' | 'bsf-a1' | 'bsf-a2' | 'bsf-b' | 'sho-a' | 'sho-b' | 'ro-1' | 'ro-2' | 'pva';

/** Everybody on one PostgreSQL; the old operator's BSF and the RO run twice, each pair behind balancers. */
export interface Site {
  dir: string;
  plan: LabPlan;
  server: PostgresServer;
  parties: Parties<PartyName>;
  /** With what a party was started. */
  roleOf(name: PartyName): Role;
  /** The way to each pair of doors, with how many connections each instance got. */
  balancers: Balancer[];
  /** A party's records, for looking at. */
  storeOf(party: string): Promise<Store>;
  close(): Promise<void>;
}

const SPARES = 2;
/** Ports of the parties, beside one for each machine, and of the instances behind balancers. */
const PORTS = 16;
const INSTANCES = 8;

export const startSite = (machines: number): Promise<Site> => withFreePorts(() => trySite(machines));

async function trySite(machines: number): Promise<Site> {
  const server = await startPostgres();
  const dir = mkdtempSync(join(tmpdir(), 'gba-instances-'));
  const pool = createPool(await bundle('../crash/party.ts', dir), dir, SPARES);
  const parties = createParties<PartyName>(pool, dir);
  const balancers: Balancer[] = [];
  const stores: Store[] = [];
  const close = async (): Promise<void> => {
    parties.close();
    await Promise.all([...stores, ...balancers].map((one) => one.close()));
    await pool.close();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  const driver = (party: string): StoreConfig => ({
    driver: 'postgres',
    url: server.url,
    schema: party.replaceAll(/[^a-z0-9]/g, '_'),
    maxConnections: 4,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 5_000,
    idleTimeoutMs: 30_000,
  });
  try {
    const pki = await openLabPki(join(dir, 'pki'), systemClock, systemRandom);
    const basePort = await freeBasePort(PORTS + machines + INSTANCES);
    const scenario = parseScenario(`basePort: ${basePort}\ngraceMs: 120000\nfleet: { count: ${machines} }\n`);
    const plan = await planLab(dir, scenario, pki, { driver, random: systemRandom, enrol: false });
    const base = basePort + PORTS + machines;
    /** Two doors in place of one, and the balancer where the one was. */
    const twice = async ({ address, port }: { address: string; port: number }, nth: number) => {
      const doors = [base + 2 * nth, base + 2 * nth + 1];
      balancers.push(await startBalancer(port, doors));
      return doors.map((one) => ({ address, port: one }));
    };
    const [bsfA, bsfB] = plan.bsf;
    const [hssA, hssB] = plan.hss;
    const [shoA, shoB] = plan.sho;
    assert.ok(bsfA && bsfB && hssA && hssB && shoA && shoB);
    const [ub, zn, ua, sbi] = [
      await twice(bsfA.ub, 0),
      await twice(bsfA.sbi, 1),
      await twice(plan.ro.ua, 2),
      await twice(plan.ro.sbi, 3),
    ];
    // A run that one instance begins and the other ends stays unfinished for the first: a few phones here do many.
    const bsfOf = (i: number) => ({
      ...bsfA,
      maxOutstanding: 10_000,
      maxOutstandingFromOne: 10_000,
      ub: ub[i] ?? bsfA.ub,
      sbi: zn[i] ?? bsfA.sbi,
    });
    const roOf = (i: number) => ({ ...plan.ro, ua: ua[i] ?? plan.ro.ua, sbi: sbi[i] ?? plan.ro.sbi });
    const roles: Record<PartyName, Role> = {
      'hss-a': { kind: 'hss', config: hssA },
      'hss-b': { kind: 'hss', config: hssB },
      'bsf-a1': { kind: 'bsf', config: bsfOf(0) },
      'bsf-a2': { kind: 'bsf', config: bsfOf(1) },
      'bsf-b': { kind: 'bsf', config: bsfB },
      'sho-a': { kind: 'sho', config: shoA },
      'sho-b': { kind: 'sho', config: shoB },
      'ro-1': { kind: 'ro', config: roOf(0) },
      'ro-2': { kind: 'ro', config: roOf(1) },
      pva: { kind: 'pva', config: plan.pva },
    };
    await Promise.all(Object.entries(roles).map(([name, role]) => parties.start(name as PartyName, role)));
    assert.deepEqual(parties.faults(), []);
    return {
      dir,
      plan,
      server,
      parties,
      roleOf: (name) => roles[name],
      balancers,
      async storeOf(party) {
        const store = await openStore(driver(party), systemClock);
        stores.push(store);
        return store;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
