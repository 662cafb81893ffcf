import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Random } from '../base/index.ts';
import { type BsfConfig, bsfConfigSchema } from '../bsf/index.ts';
import { type HssConfig, hssConfigSchema } from '../hss/index.ts';
import { readTextFile } from '../http/index.ts';
import { type M2meConfig, m2meConfigSchema } from '../m2me/index.ts';
import { type OwnerConfig, ownerConfigSchema } from '../owner/index.ts';
import { type PkiConfig, pkiConfigSchema } from '../pki/index.ts';
import { type PvaConfig, pvaConfigSchema } from '../pva/index.ts';
import { type RoConfig, roConfigSchema } from '../ro/index.ts';
import { type ShoConfig, shoConfigSchema } from '../sho/index.ts';
import type { StoreConfig } from '../store/index.ts';
import { readCertificate } from '../x509/index.ts';
import { bsfOf, hssOf, MEASUREMENTS, NAMES, portalOf } from './names.ts';
import { type PageConfig, pageConfigSchema } from './page.ts';
import type { LabPki } from './pki.ts';
import { allocatePorts } from './ports.ts';
import { fleetOf, type Scenario } from './scenario.ts';

/** The configuration of every function of a lab, just as it would stand in a file of its own. */
export interface LabPlan {
  hss: HssConfig[];
  bsf: BsfConfig[];
  sho: ShoConfig[];
  ro: RoConfig;
  pva: PvaConfig;
  m2me: M2meConfig[];
  /** The old operator's PKI portal, when machines have no factory key. */
  pki: PkiConfig | undefined;
  page: PageConfig;
  owner: OwnerConfig;
  /** Ids of the machines that wait for the owner's fleet command. */
  fleet: string[];
}

export type LabDriver = 'lmdb' | 'memory' | ((party: string) => StoreConfig);

const AMF = '0000';
/** One store for all machines of a fleet. */
export const MACHINES = 'machines';
/** From so many machines on they look for work more seldom while there is none. */
const CROWD = 50;
/** Of a lab's servers: more than any fleet in one process needs. */
const CONNECTIONS = 100_000;
const OUTSTANDING = 60_000;

/** How machines speak Ua; what is left out is as the machine's configuration has it. */
export type UaMethods = Partial<Pick<M2meConfig, 'ua' | 'roUa'>>;

export async function planLab(
  dir: string,
  scenario: Scenario,
  pki: LabPki,
  { driver, random, enrol, ua = {} }: { driver: LabDriver; random: Random; enrol: boolean; ua?: UaMethods },
): Promise<LabPlan> {
  const shos = [NAMES.oldSho, NAMES.newSho];
  const fleet = fleetOf(scenario);
  const all = [...scenario.machines, ...fleet.machines];
  const newSubscriptions = [...scenario.newSubscriptions, ...fleet.newSubscriptions];
  // Before any port is chosen: it takes a while, and others may take what is free now.
  await Promise.all(all.map(({ id }) => pki.machine(id)));
  const ports = await allocatePorts(scenario.basePort, 16 + all.length, join(dir, 'ports.json'), random);
  const take = (): { address: string; port: number } => ({ address: '127.0.0.1', port: ports.shift() ?? 0 });
  // The last one, so that the others are where they always were.
  const portalAt = { address: '127.0.0.1', port: ports.pop() ?? 0 };
  const peer = (at: { port: number }, serverName: string) => ({ url: `https://127.0.0.1:${at.port}`, serverName });
  const store = (name: string): StoreConfig => {
    if (typeof driver === 'function') return driver(name);
    return driver === 'memory' ? { driver } : { driver, path: join(dir, 'store', name) };
  };
  mkdirSync(join(dir, 'data'), { recursive: true, mode: 0o700 });
  const dataFile = (name: string, value: unknown): string => {
    const path = join(dir, 'data', name);
    writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    return path;
  };

  /** Where machines come: in a lab all of them have one address. */
  const takeForMachines = () => ({
    ...take(),
    limits: { connections: CONNECTIONS, connectionsPerAddress: CONNECTIONS },
  });
  const at = {
    page: take(),
    ub: new Map(shos.map((sho) => [sho, takeForMachines()])),
    zn: new Map(shos.map((sho) => [sho, take()])),
    hss: new Map(shos.map((sho) => [sho, take()])),
    shoUa: new Map(shos.map((sho) => [sho, takeForMachines()])),
    shoSbi: new Map(shos.map((sho) => [sho, take()])),
    roUa: takeForMachines(),
    roSbi: take(),
    pvaM2me: takeForMachines(),
    pvaSbi: take(),
  };
  const of = (map: Map<string, { address: string; port: number }>, sho: string) =>
    map.get(sho) ?? { address: '', port: 0 };
  const ubUrl = (sho: string): string => `http://127.0.0.1:${of(at.ub, sho).port}`;
  const uaUrl = (sho: string): string => `https://127.0.0.1:${of(at.shoUa, sho).port}`;
  const znRoutes = (list: readonly string[]) =>
    list.map((sho) => ({ bsf: bsfOf(sho), peer: peer(of(at.zn, sho), bsfOf(sho)) }));
  const ro = { id: NAMES.ro, peer: peer(at.roSbi, NAMES.ro) };

  const ownerKey = readCertificate(readTextFile((await pki.tls(NAMES.owner)).cert)).spkiSha256;
  await pki.tls(NAMES.stranger);
  const portalName = portalOf(NAMES.oldSho);
  const subscriberCa = await pki.authority(portalName, 'gba-authz lab subscribers');
  const crlFile = join(dir, 'data', 'subscribers-crl.pem');
  const trusted = [pki.manufacturer, ...(enrol ? [subscriberCa.cert] : [])];
  const lists = [pki.crl, ...(enrol ? [crlFile] : [])];
  const pvaSigning = await pki.signing(NAMES.pva);

  const hss = await Promise.all(
    shos.map(async (sho) =>
      hssConfigSchema.parse({
        name: hssOf(sho),
        sbi: of(at.hss, sho),
        tls: await pki.tls(hssOf(sho)),
        clients: { av: [bsfOf(sho)], admin: [sho] },
        subscribersFile: dataFile(
          `${hssOf(sho)}-subscribers.json`,
          sho === NAMES.oldSho ? all.map(({ subscription }) => ({ ...subscription, amf: AMF })) : [],
        ),
        store: store(hssOf(sho)),
        keyFile: pki.sealingKey(hssOf(sho)),
      }),
    ),
  );
  const bsf = await Promise.all(
    shos.map(async (sho) =>
      bsfConfigSchema.parse({
        name: bsfOf(sho),
        ub: of(at.ub, sho),
        sbi: of(at.zn, sho),
        tls: await pki.tls(bsfOf(sho)),
        hss: peer(of(at.hss, sho), hssOf(sho)),
        nafs: [
          { client: sho, hosts: [sho] },
          { client: NAMES.ro, hosts: [NAMES.ro] },
          // The demo page serves machines before and after their change.
          { client: NAMES.page, hosts: [NAMES.page] },
          ...(enrol && sho === NAMES.oldSho ? [{ client: portalName, hosts: [portalName] }] : []),
        ],
        admin: [sho],
        unknownAmf: AMF,
        maxOutstandingPerAddress: OUTSTANDING,
        store: store(bsfOf(sho)),
        keyFile: pki.sealingKey(bsfOf(sho)),
      }),
    ),
  );
  const sho = await Promise.all(
    shos.map(async (id) =>
      shoConfigSchema.parse({
        id,
        ua: of(at.shoUa, id),
        sbi: of(at.shoSbi, id),
        tls: await pki.tls(id),
        bsf: { fqdn: bsfOf(id), publicUrl: ubUrl(id), admin: peer(of(at.zn, id), bsfOf(id)) },
        hss: peer(of(at.hss, id), hssOf(id)),
        zn: znRoutes([id]),
        ro,
        pva: { id: NAMES.pva, peer: peer(at.pvaSbi, NAMES.pva), certificate: pvaSigning.cert },
        signing: await pki.signing(id),
        deviceAuthorities: trusted,
        deviceCrls: lists,
        owners: [
          {
            name: NAMES.owner,
            spkiSha256: ownerKey,
            machines: id === NAMES.oldSho ? all.map((one) => ({ m2meId: one.id, impi: one.subscription.impi })) : [],
          },
        ],
        subscriptions: id === NAMES.newSho ? newSubscriptions.map((one) => ({ ...one, amf: AMF })) : [],
        publicUrl: uaUrl(id),
        store: store(id),
        keyFile: pki.sealingKey(id),
      }),
    ),
  );
  const fleetIds = new Set(fleet.machines.map(({ id }) => id));
  const crowded = all.length >= CROWD;
  const allShos = shos.map((id) => ({ id, peer: peer(of(at.shoSbi, id), id) }));
  const machines = await Promise.all(
    all.map(async ({ id, subscription }) =>
      m2meConfigSchema.parse({
        id,
        local: take(),
        ca: pki.ca,
        ro: { id: NAMES.ro, peer: peer(at.roUa, NAMES.ro) },
        pva: { id: NAMES.pva, peer: peer(at.pvaM2me, NAMES.pva) },
        sho: { id: NAMES.oldSho, peer: peer(of(at.shoUa, NAMES.oldSho), NAMES.oldSho) },
        ownerKeySha256: ownerKey,
        ...(await pki.machine(id)),
        ...(enrol
          ? { device: { portals: [{ sho: NAMES.oldSho, fqdn: portalName, peer: peer(portalAt, portalName) }] } }
          : {}),
        treDir: join(dir, 'tre', id),
        store: store(fleetIds.has(id) ? MACHINES : id),
        keyFile: pki.sealingKey(id),
        initialMcim: dataFile(`${id}-mcim.json`, {
          ...subscription,
          bsf: { fqdn: bsfOf(NAMES.oldSho), url: ubUrl(NAMES.oldSho) },
          sho: { id: NAMES.oldSho, url: uaUrl(NAMES.oldSho) },
        }),
        pollMs: 100,
        recallPollMs: crowded ? 60_000 : 1_000,
        idlePollMs: crowded ? 5_000 : 100,
        graceMs: scenario.graceMs,
        measurements: MEASUREMENTS,
        revealKeys: true,
        ...ua,
      }),
    ),
  );
  return {
    hss,
    bsf,
    sho,
    ro: roConfigSchema.parse({
      id: NAMES.ro,
      ua: at.roUa,
      sbi: at.roSbi,
      tls: await pki.tls(NAMES.ro),
      zn: znRoutes(shos),
      shos: allShos,
      pvas: [NAMES.pva],
      initialRegistrations: all.map((one) => ({
        m2meId: one.id,
        sho: NAMES.oldSho,
        impi: one.subscription.impi,
      })),
      store: store(NAMES.ro),
      keyFile: pki.sealingKey(NAMES.ro),
    }),
    pva: pvaConfigSchema.parse({
      id: NAMES.pva,
      m2me: at.pvaM2me,
      sbi: at.pvaSbi,
      tls: await pki.tls(NAMES.pva),
      signing: pvaSigning,
      manufacturers: trusted,
      crls: lists,
      manifests: { default: MEASUREMENTS },
      shos: allShos,
      store: store(NAMES.pva),
      keyFile: pki.sealingKey(NAMES.pva),
    }),
    m2me: machines,
    owner: ownerConfigSchema.parse({
      tls: await pki.tls(NAMES.owner),
      oldOperator: allShos[0],
      newOperator: allShos[1],
      roId: NAMES.ro,
      pvaId: NAMES.pva,
      journal: ownerJournalPath(dir),
      firstLookSeconds: crowded ? 1 : 0.1,
    }),
    fleet: [...fleetIds],
    pki: enrol
      ? pkiConfigSchema.parse({
          fqdn: portalName,
          ua: portalAt,
          tls: await pki.tls(portalName),
          zn: znRoutes([NAMES.oldSho]),
          authority: subscriberCa,
          subscribers: all.map((one) => ({ impi: one.subscription.impi, subjects: [one.id] })),
          crlFile,
          store: store(portalName),
        })
      : undefined,
    page: pageConfigSchema.parse({
      fqdn: NAMES.page,
      listen: at.page,
      zn: znRoutes(shos),
      tls: await pki.tls(NAMES.page),
    }),
  };
}

export const ownerJournalPath = (dir: string): string => join(dir, 'store', 'owner');
/** The machines that the lab changes by itself. */
export function ownMachines({ m2me, fleet }: LabPlan): M2meConfig[] {
  const waiting = new Set(fleet);
  return m2me.filter(({ id }) => !waiting.has(id));
}

/** What `gba change start --fleet` reads. */
export const fleetFile = (dir: string): string => join(dir, 'fleet.csv');

function fleetCsv({ m2me, fleet }: LabPlan): string {
  const ids = new Set(fleet);
  const rows = m2me
    .filter(({ id }) => ids.has(id))
    .map(({ id, local }) => `${id},http://${local.address}:${local.port}\n`);
  return `machine,url\n${rows.join('')}`;
}

/** One YAML file per function, so that each can be started alone with `gba FUNCTION --config FILE`. */
export function writeConfigs(dir: string, plan: LabPlan): void {
  const folder = join(dir, 'config');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (name: string, config: object): void =>
    writeFileSync(join(folder, `${name}.yaml`), stringify(config), { mode: 0o600 });
  for (const [i, one] of plan.hss.entries()) write(`hss-${'ab'[i]}`, one);
  for (const [i, one] of plan.bsf.entries()) write(`bsf-${'ab'[i]}`, one);
  for (const [i, one] of plan.sho.entries()) write(`sho-${'ab'[i]}`, one);
  for (const one of ownMachines(plan)) write(one.id, one);
  write('ro', plan.ro);
  write('pva', plan.pva);
  if (plan.pki !== undefined) write('pki', plan.pki);
  write('naf', plan.page);
  write('owner', plan.owner);
  if (plan.fleet.length > 0) writeFileSync(fleetFile(dir), fleetCsv(plan), { mode: 0o600 });
}
