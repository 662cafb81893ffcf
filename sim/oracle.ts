import { isGbaToken } from '../src/token/index.ts';
import { createLedger, enter, type Ledger } from './ledger.ts';
import type { MachineView } from './machine-view.ts';
import { createSecrecy, type Secrecy } from './secrecy.ts';
import type { Setting } from './setting.ts';
import type { Written } from './store.ts';

/** A rule that did not hold. */
export interface Violation {
  rule: string;
  what: string;
}

/** Watches one run: after every event the invariants I1 to I7 must hold. */
export interface Oracle {
  ledger: Ledger;
  secrecy: Secrecy;
  /** Serials that a machine has activated, in order, by machine. */
  activated: Map<string, string[]>;
  views: Map<string, MachineView>;
  written(written: Written): void;
  /** The machine shows itself with a subscription: from now on it must have one. */
  commissioned(m2meId: string): void;
  /** Whoever answers an unregistration has written down that he lets go. */
  answered(party: string, to: string, path: string, status: number): void;
  /** What a machine's disk holds for certain now. */
  machine(m2meId: string, view: MachineView): void;
  violations: Violation[];
}

const LETTING_GO = ['letting-go', 'gone'];

export function createOracle(setting: Setting): Oracle {
  const ledger = createLedger();
  const violations: Violation[] = [];
  const views = new Map<string, MachineView>();
  const activated = new Map<string, string[]>();
  const commissioned = new Set<string>();
  const discarded = new Set<string>();
  const unregistered = new Map<string, number>();
  const broken = (rule: string, what: string): void => {
    violations.push({ rule, what });
  };

  /** I1: what a power cut at this instant would leave is a way back. */
  function checkWayBack(m2meId: string, view: MachineView): void {
    // In the factory it has none yet.
    if (view.current !== undefined || !commissioned.has(m2meId)) return;
    const { pending } = view;
    if (pending === undefined) broken('I1', `${m2meId} has no subscription left, neither old nor new`);
    else if (!view.discarded.includes(pending.serial)) broken('I1', `${m2meId} has a new one that it may not finish`);
  }

  /** I2 and the machine's half of I5. */
  function checkActivation(m2meId: string, view: MachineView): void {
    const { current } = view;
    const before = views.get(m2meId)?.current;
    if (current === undefined || current.serial === null || current.serial === before?.serial) return;
    const { serial, digest, sho } = current;
    const mine = activated.get(m2meId) ?? [];
    // A disk that is back at an older state has not activated anything: its pointers are.
    if (mine.at(-1) === serial) return;
    activated.set(m2meId, [...mine, serial]);
    const all = [...activated.values()].flat();
    if (all.filter((one) => one === serial).length > 1) broken('I5', `serial ${serial} has activated twice`);
    const release = ledger.releases.get(serial);
    if (release === undefined || !release.issued)
      broken('I2', `${m2meId} activated ${serial}, which no old SHO issued`);
    else {
      if (release.m2meId !== m2meId) broken('I2', `${serial} was issued for ${release.m2meId}, not for ${m2meId}`);
      if (release.newSho !== sho) broken('I2', `${serial} was issued for ${release.newSho}, not for ${sho}`);
      if (release.state === 'returned') broken('I5', `${serial} was returned and is active all the same`);
    }
    if (!ledger.instructed.has(serial)) broken('I2', `${m2meId} activated ${serial} without its owner's instruction`);
    const bound = ledger.bound.get(serial);
    if (bound?.sho !== sho || digest === null || !bound.digests.has(digest)) {
      broken('I2', `${m2meId} activated a package that ${sho} never bound ${serial} to`);
    }
  }

  /** I3 and the old operator's half of I5. */
  function checkRelease({ key, before, after }: Written): void {
    const [was, is] = [stateOf(before), stateOf(after)];
    if (is !== 'letting-go' || was === 'letting-go') return;
    const times = (unregistered.get(key) ?? 0) + 1;
    unregistered.set(key, times);
    if (times > 1) broken('I5', `serial ${key} has unregistered twice`);
    if (!discarded.has(key)) broken('I3', `${key} was unregistered before its machine had a durable discard record`);
  }

  /** I4. */
  function checkRegistration({ key, before, after }: Written): void {
    if (before === undefined) return;
    const [was, is] = [shoOf(before), shoOf(after)];
    if (was === is) return;
    if (was !== undefined && is !== undefined) {
      broken('I4', `${key} was registered with ${is} while it was with ${was}`);
      return;
    }
    const from = [...ledger.releases.values()].filter(({ m2meId }) => m2meId === key);
    const letGo = from.some(({ state, newSho }) => LETTING_GO.includes(state) && (is === undefined || newSho === is));
    if (!letGo) broken('I4', `the registration of ${key} changed before its old operator let it go`);
    if (is !== undefined && views.get(key)?.current?.sho !== is) {
      broken('I4', `${key} is registered with ${is}, whose subscription is not active in it`);
    }
  }

  const tokens = new Set<string>();
  const secrecy = createSecrecy(setting, ledger, broken);

  function noteToken(after: unknown): void {
    const { token } = (after ?? {}) as { token?: string };
    if (token === undefined || tokens.has(token)) return;
    tokens.add(token);
    const octets = Buffer.from(token, 'base64');
    if (isGbaToken(octets)) secrecy.token(octets);
  }

  return {
    ledger,
    secrecy,
    activated,
    views,
    violations,
    written(written) {
      enter(ledger, written);
      if (written.space === 'release') checkRelease(written);
      if (written.space === 'owner-change') noteToken(written.after);
      if (written.space === 'registration') checkRegistration(written);
    },
    answered(party, to, path, status) {
      if (status !== 200 || !path.endsWith('/unregistrations')) return;
      const mine = [...ledger.releases.values()].filter(({ sho, m2meId }) => sho === party && m2meId === to);
      if (mine.some(({ state }) => LETTING_GO.includes(state))) return;
      broken('I3', `${party} acknowledges to ${to} that it lets go, and has not written it down`);
    },
    commissioned(m2meId) {
      const view = views.get(m2meId);
      if (commissioned.has(m2meId) || view === undefined) return;
      commissioned.add(m2meId);
      checkWayBack(m2meId, view);
    },
    machine(m2meId, view) {
      for (const serial of view.discarded) discarded.add(serial);
      checkWayBack(m2meId, view);
      checkActivation(m2meId, view);
      views.set(m2meId, view);
    },
  };
}

const stateOf = (value: unknown): string | undefined => (value as { state?: string } | undefined)?.state;
const shoOf = (value: unknown): string | undefined => (value as { sho?: string } | undefined)?.sho;
