import { GbaError } from '../base/index.ts';
import { loadTls, readTextFile } from '../http/index.ts';
import {
  cancelChange,
  createMachineClient,
  createOperatorClient,
  lookAt,
  type MachineClient,
  type OwnerJournal,
  type OwnerTools,
  openOwnerJournal,
  orderChange,
  patiently,
  rest,
  type Variant,
  verdictOf,
} from '../owner/index.ts';
import { loadSigner, type Signer } from '../x509/index.ts';
import type { Lab } from './lab.ts';
import { bsfOf, NAMES } from './names.ts';
import { ownerJournalPath } from './plan.ts';

/** How often the owner looks how far its machine is, milliseconds: soon at first, then ever more seldom. */
const PACE = { firstMs: 20, longestMs: 300 };

export interface ChangeResult {
  m2meId: string;
  /** `active`: the machine works with the new operator; somebody who is silent has not heard of it. */
  state: 'done' | 'active' | 'refused' | 'stuck';
  operator?: string;
  /** BSF that answered the machine's bootstrapping after the change. */
  bootstrappedAt?: string;
  reason?: string;
  ms: number;
}

export interface ChangeWish {
  variant?: Variant;
  /** The machine holds the new subscription already. */
  bothPresent?: boolean;
  /** A party that will stay silent: the change ends well when the machine works with the new operator, whatever it still owes. */
  silent?: string;
}

export interface Owner {
  journal: OwnerJournal;
  signer: Signer;
  /** Owner's part of one change, from the order of the release to the new operator; goes on where it stopped. */
  change(m2meId: string, timeoutMs: number, wish?: ChangeWish): Promise<ChangeResult>;
  /** Asks the machine to give the token back; `returned`, or it throws `too-late`. */
  cancel(m2meId: string, timeoutMs: number): Promise<{ state: string }>;
  close(): Promise<void>;
}

/** The M2ME subscriber of a lab: a client of both SHOs and of the machine, with the owner's key. */
export async function createOwner(lab: Lab): Promise<Owner> {
  const { clock, random, onStep, wallClock = clock } = lab.options;
  const files = await lab.pki.tls(NAMES.owner);
  const tls = loadTls(files);
  const operator = (id: string) => {
    const port = lab.plan.sho.find((sho) => sho.id === id)?.sbi.port ?? 0;
    return createOperatorClient({ url: `https://127.0.0.1:${port}`, serverName: id, tls });
  };
  const tools: OwnerTools = {
    oldSho: operator(NAMES.oldSho),
    newSho: operator(NAMES.newSho),
    newShoId: NAMES.newSho,
    roId: NAMES.ro,
    pvaId: NAMES.pva,
    signer: loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) }),
    journal: await openOwnerJournal(ownerJournalPath(lab.options.dir), clock),
    clock,
    wallClock,
    random,
    pace: PACE,
  };
  const { journal, signer, oldSho, newSho } = tools;

  async function withMachine<T>(m2meId: string, work: (machine: MachineClient) => Promise<T>): Promise<T> {
    const local = lab.plan.m2me.find((one) => one.id === m2meId)?.local;
    if (local === undefined) throw new GbaError('machine-unknown', `the lab has no machine ${m2meId}`);
    const machine = createMachineClient(`http://${local.address}:${local.port}`);
    try {
      return await work(machine);
    } finally {
      machine.close();
    }
  }

  /** The proof that a change worked: the machine bootstraps with its new operator. */
  async function proved(m2meId: string, machine: MachineClient, until: number) {
    const { bsf } = await patiently(tools, until, () => machine.bootstrap());
    if (bsf !== bsfOf(NAMES.newSho)) throw new GbaError('bootstrap-elsewhere', `bootstrapped at ${bsf}`);
    return { m2meId, operator: NAMES.newSho, bootstrappedAt: bsf };
  }

  async function changeOf(
    m2meId: string,
    timeoutMs: number,
    wish: ChangeWish,
    machine: MachineClient,
  ): Promise<ChangeResult> {
    const startedAt = wallClock.now();
    const until = startedAt + timeoutMs;
    const passed = () => wallClock.now() - startedAt;
    const target = { m2meId, machine, variant: wish.variant, bothPresent: wish.bothPresent };
    await orderChange(tools, target, until);
    for (let wait = PACE.firstMs; ; wait = Math.min(wait * 1.4, PACE.longestMs)) {
      const look = await lookAt(tools, target, until);
      const { change, operator: now } = look.machine ?? {};
      const wanted = { serial: journal.of(m2meId).serial, newSho: NAMES.newSho };
      // Without a word of the machine nothing is proved here.
      const end =
        look.machine === undefined && look.order.state === 'done'
          ? undefined
          : verdictOf(look.order, look.machine, wanted);
      if (end?.state === 'done') {
        const result = await proved(m2meId, machine, until);
        await journal.note(m2meId, { end });
        onStep?.({ step: 0, party: m2meId, to: result.bootstrappedAt, what: 'bootstrapped with the new operator' });
        return { ...result, state: 'done', ms: passed() };
      }
      if (end?.state === 'refused' || end?.state === 'returned') {
        await journal.note(m2meId, { end });
        return { m2meId, state: 'refused', reason: end.reason ?? 'refused', ms: passed() };
      }
      if (wish.silent !== undefined && change?.state.startsWith('active-owing-') && now === NAMES.newSho) {
        const reason = `${wish.silent} is silent; the machine goes on saying what it owes`;
        return { ...(await proved(m2meId, machine, until)), state: 'active', reason, ms: passed() };
      }
      if (wallClock.now() > until) {
        const reason = `machine ${change?.state ?? 'idle'}, order ${look.order.state}`;
        return { m2meId, state: 'stuck', reason, ms: passed() };
      }
      await rest(tools, wait);
    }
  }

  return {
    journal,
    signer,
    cancel: (m2meId, timeoutMs) =>
      withMachine(m2meId, (machine) => cancelChange(tools, { m2meId, machine }, wallClock.now() + timeoutMs)),
    change: (m2meId, timeoutMs, wish = {}) =>
      withMachine(m2meId, (machine) => changeOf(m2meId, timeoutMs, wish, machine)),
    async close() {
      oldSho.close();
      newSho.close();
      await journal.close();
    },
  };
}
