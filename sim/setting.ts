import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../src/base/index.ts';
import { loadTls, readTextFile } from '../src/http/index.ts';
import { bsfOf, type LabPki, type LabPlan, NAMES, openLabPki, planLab } from '../src/lab/index.ts';
import type { M2meConfig } from '../src/m2me/index.ts';
import { loadSigner, type Signer } from '../src/x509/index.ts';

/** When every run begins. */
export const START = Date.UTC(2027, 2, 1);
export const MINUTE = 60_000;
export const TOKEN_SECONDS = 8 * 60;

/** Who changes in a run at most: the last one goes the other way, so that each SHO is old for one and new for another. */
export const MACHINES = ['m1', 'm2', 'm3'] as const;
const BACKWARDS = 'm3';

export interface Subscription {
  impi: string;
  k: string;
  op: string;
}

/** What all runs of one process share: certificates and configurations, made once. */
export interface Setting {
  dir: string;
  plan: LabPlan;
  pki: LabPki;
  owner: { signer: Signer; tls: ReturnType<typeof loadTls> };
  strangerCertificate: string;
  /** Keys of all parties: held, so that no run has to read them again. */
  signers: readonly Signer[];
  subscriptions: ReadonlyMap<string, Subscription>;
  /** Ids of the old and the new operator of a machine. */
  way(m2meId: string): { from: string; to: string };
  /** Who listens on a port. */
  partyAt(port: number): string;
  close(): void;
}

const hex = (what: string, length = 32): string => Buffer.from(`${what} `.repeat(16)).toString('hex').slice(0, length);

function subscriptionOf(name: string, number: number, operator: 'a' | 'b'): Subscription {
  const plmn = operator === 'a' ? 'mnc001.mcc001' : 'mnc002.mcc001';
  const digits = (operator === 'a' ? '00101' : '00102') + String(7_000_000_000 + number);
  return { impi: `${digits}@ims.${plmn}.3gppnetwork.org`, k: hex(`${name} k`), op: hex(`${name} op`) };
}

export async function openSetting(): Promise<Setting> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-sim-'));
  const clock = { now: () => START };
  const pki = await openLabPki(join(dir, 'pki'), clock, systemRandom);
  const old = new Map(
    MACHINES.map((id, i) => [id as string, subscriptionOf(id, i, id === BACKWARDS ? 'b' : 'a')] as const),
  );
  const forB = [1, 2, 3, 4].map((i) => subscriptionOf(`new b${i}`, 100 + i, 'b'));
  const forA = [1, 2, 3].map((i) => subscriptionOf(`new a${i}`, 200 + i, 'a'));
  const scenario = {
    basePort: 0,
    graceMs: 2 * MINUTE,
    machines: [...old].map(([id, subscription]) => ({ id, subscription })),
    newSubscriptions: forB,
  };
  // The simulated network has no TLS handshakes to put a key in.
  const ua = { ua: 'digest', roUa: 'digest' } as const;
  const plan = await planLab(dir, scenario, pki, { driver: 'memory', random: systemRandom, enrol: false, ua });
  const way = (m2meId: string) =>
    m2meId === BACKWARDS ? { from: NAMES.newSho, to: NAMES.oldSho } : { from: NAMES.oldSho, to: NAMES.newSho };
  turnRound(plan, dir, old, forA);
  for (const sho of plan.sho) Object.assign(sho, { tokenValiditySeconds: TOKEN_SECONDS, clockSkewSeconds: 60 });
  plan.m2me = plan.m2me.map((one) => ({ ...one, ...PACE, measurements: one.measurements }));
  const parties = new Map<number, string>([
    ...plan.hss.map(({ sbi, name }) => [sbi.port, name] as const),
    ...plan.bsf.flatMap(({ ub, sbi, name }) => [[ub.port, name] as const, [sbi.port, name] as const]),
    ...[...plan.sho, plan.ro].flatMap(({ ua, sbi, id }) => [[ua.port, id] as const, [sbi.port, id] as const]),
    [plan.pva.sbi.port, plan.pva.id],
    [plan.pva.m2me.port, plan.pva.id],
    ...plan.m2me.map(({ local, id }) => [local.port, id] as const),
  ]);
  const files = await pki.tls(NAMES.owner);
  const stranger = await pki.tls(NAMES.stranger);
  return {
    dir,
    plan,
    pki,
    owner: {
      signer: loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) }),
      tls: loadTls(files),
    },
    strangerCertificate: readTextFile(stranger.cert),
    signers: signersOf(plan),
    subscriptions: old,
    way,
    partyAt: (port) => parties.get(port) ?? 'nobody',
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Slow enough that an hour costs little. */
const PACE: Partial<M2meConfig> = {
  pollMs: 10_000,
  idlePollMs: 4 * MINUTE,
  recallPollMs: 4 * MINUTE,
  clockSkewMs: MINUTE,
};

/** Makes the machine that goes the other way a subscriber of the second operator. */
function turnRound(
  plan: LabPlan,
  dir: string,
  old: ReadonlyMap<string, Subscription>,
  forA: readonly Subscription[],
): void {
  const [shoA, shoB] = plan.sho;
  const [hssA, hssB] = plan.hss;
  const subscription = old.get(BACKWARDS);
  const machine = plan.m2me.find(({ id }) => id === BACKWARDS);
  if (shoA === undefined || shoB === undefined || hssA === undefined || hssB === undefined) throw new Error('no lab');
  if (subscription === undefined || machine === undefined) throw new Error('no machine');
  const file = (name: string, value: unknown): string => {
    const path = join(dir, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const amf = '0000';
  const others = [...old].filter(([id]) => id !== BACKWARDS).map(([, one]) => ({ ...one, amf }));
  hssA.subscribersFile = file('hss-a.json', others);
  hssB.subscribersFile = file('hss-b.json', [{ ...subscription, amf }]);
  for (const [sho, mine] of [
    [shoA, (id: string) => id !== BACKWARDS],
    [shoB, (id: string) => id === BACKWARDS],
  ] as const) {
    const machines = [...old].filter(([id]) => mine(id)).map(([m2meId, { impi }]) => ({ m2meId, impi }));
    sho.owners = sho.owners.map((owner) => ({ ...owner, machines }));
  }
  shoA.subscriptions = forA.map((one) => ({ ...one, amf }));
  plan.ro.initialRegistrations = plan.ro.initialRegistrations.map((one) =>
    one.m2meId === BACKWARDS ? { ...one, sho: shoB.id } : one,
  );
  machine.sho = { id: shoB.id, peer: { url: shoB.publicUrl, serverName: shoB.id } };
  machine.initialMcim = file('m3-mcim.json', {
    ...subscription,
    bsf: { fqdn: bsfOf(shoB.id), url: shoB.bsf.publicUrl },
    sho: { id: shoB.id, url: shoB.publicUrl },
  });
}

function signersOf({ sho, pva, m2me }: LabPlan): Signer[] {
  const files = [
    pva.signing,
    ...sho.flatMap(({ signing }) => signing),
    ...m2me.flatMap(({ device, tre }) => ('cert' in device ? [device, tre] : [tre])),
  ];
  return files.map(({ cert, key }) => loadSigner({ cert: readTextFile(cert), key: readTextFile(key) }));
}
