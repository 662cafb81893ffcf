import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, fromBase64, GbaError } from '../base/index.ts';
import { loadTls, readTextFile } from '../http/index.ts';
import { loadSigner, type Signer } from '../x509/index.ts';
import type { Lab } from './lab.ts';
import { bsfOf, NAMES } from './names.ts';
import {
  createMachineClient,
  createOperatorClient,
  PASSING,
  signInstruction,
  signingRequest,
  type Variant,
} from './owner-client.ts';
import { type OwnerJournal, openOwnerJournal } from './owner-journal.ts';

/** How often the owner looks how far its machine is, milliseconds: soon at first, then ever more seldom. */
const LOOK_MS = 20;
const LONGEST_LOOK_MS = 300;

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
  close(): void;
}

export const ownerJournalFile = (dir: string): string => join(dir, 'owner.json');

/** The M2ME subscriber of a lab: a client of both SHOs and of the machine, with the owner's key. */
export async function createOwner(lab: Lab): Promise<Owner> {
  const files = await lab.pki.tls(NAMES.owner);
  const tls = loadTls(files);
  const signer = loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) });
  const operator = (id: string) => {
    const port = lab.plan.sho.find((sho) => sho.id === id)?.sbi.port ?? 0;
    return createOperatorClient({ url: `https://127.0.0.1:${port}`, serverName: id, tls });
  };
  const oldSho = operator(NAMES.oldSho);
  const newSho = operator(NAMES.newSho);
  const journal = openOwnerJournal(ownerJournalFile(lab.options.dir));
  const { clock, onStep, wallClock = clock } = lab.options;
  let lastNumber = 0;

  const machineClient = (m2meId: string) => {
    const local = lab.plan.m2me.find((one) => one.id === m2meId)?.local;
    if (local === undefined) throw new GbaError('machine-unknown', `the lab has no machine ${m2meId}`);
    return createMachineClient(`http://${local.address}:${local.port}`);
  };

  /** Repeats what only time can mend. */
  async function patiently<T>(until: number, work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const passing = PASSING.includes(codeOf(error));
        if (!passing || wallClock.now() > until) throw error;
        await delay(LOOK_MS);
      }
    }
  }

  /** Numbers rise with time, so that a later instruction always wins, also one in the same millisecond. */
  function nextNumber(): number {
    lastNumber = Math.max(clock.now(), lastNumber + 1);
    return lastNumber;
  }

  async function instruct(m2meId: string, until: number, instruction: Uint8Array) {
    const machine = machineClient(m2meId);
    try {
      return await patiently(until, () => machine.instruct(instruction));
    } finally {
      machine.close();
    }
  }

  /** Step 0: the token, which in the signed variant takes the machine's signature first. */
  async function release(m2meId: string, until: number, variant: Variant): Promise<void> {
    const keys = await patiently(until, () => newSho.signingKeys());
    const wish = { m2meId, newSho: keys, roId: NAMES.ro, variant };
    const composed = await patiently(until, () => oldSho.release(wish));
    let { token } = composed;
    if (token === undefined) {
      const request = await signingRequest(signer, m2meId, composed.claims, nextNumber());
      const { signature = '' } = await instruct(m2meId, until, request);
      token = (await patiently(until, () => oldSho.consent(composed.serial, fromBase64(signature)))).token;
    }
    if (token === undefined) throw new GbaError('token-missing', 'the old operator gave no token');
    journal.note(m2meId, { serial: composed.serial, token: token.toString('base64') });
  }

  async function orders(m2meId: string, until: number, { variant = 'gba', bothPresent = false }: ChangeWish) {
    if (journal.of(m2meId).token === undefined) await release(m2meId, until, variant);
    const token = fromBase64(journal.of(m2meId).token ?? '');
    if (journal.of(m2meId).orderId === undefined) {
      const wish = { m2meId, roId: NAMES.ro, pvaId: NAMES.pva, token, ...(bothPresent ? { bothPresent } : {}) };
      journal.note(m2meId, { orderId: await patiently(until, () => newSho.order(wish)) });
    }
    if (journal.of(m2meId).instruction === undefined) {
      const instruction = await signInstruction(signer, token, nextNumber());
      journal.note(m2meId, { instruction: instruction.toString('base64') });
    }
    if (journal.of(m2meId).instructed !== true) {
      try {
        await instruct(m2meId, until, fromBase64(journal.of(m2meId).instruction ?? ''));
      } catch (error) {
        // It had arrived before a crash took the answer away.
        if (codeOf(error) !== 'instruction-replayed') throw error;
      }
      journal.note(m2meId, { instructed: true });
    }
  }

  return {
    journal,
    signer,
    async cancel(m2meId, timeoutMs) {
      const { token } = journal.of(m2meId);
      if (token === undefined) throw new GbaError('nothing-ordered', `no change of ${m2meId} was ordered`);
      const instruction = await signInstruction(signer, fromBase64(token), nextNumber(), 'cancel');
      const { state } = await instruct(m2meId, wallClock.now() + timeoutMs, instruction);
      journal.note(m2meId, { done: true });
      return { state };
    },
    async change(m2meId, timeoutMs, wish = {}) {
      const startedAt = wallClock.now();
      const until = startedAt + timeoutMs;
      const passed = () => wallClock.now() - startedAt;
      await orders(m2meId, until, wish);
      const machine = machineClient(m2meId);
      try {
        for (let wait = LOOK_MS; ; wait = Math.min(wait * 1.4, LONGEST_LOOK_MS)) {
          const { change, operator: now } = await patiently(until, () => machine.status());
          const order = await newSho.orderState(journal.of(m2meId).orderId ?? '');
          if (change?.state === 'refused' || change?.state === 'returned' || order.state === 'refused') {
            journal.note(m2meId, { done: true });
            return { m2meId, state: 'refused', reason: change?.reason ?? order.reason ?? 'refused', ms: passed() };
          }
          if (change?.state === 'finished' && order.state === 'done' && now === NAMES.newSho) {
            const { bsf } = await patiently(until, () => machine.bootstrap());
            if (bsf !== bsfOf(NAMES.newSho)) throw new GbaError('bootstrap-elsewhere', `bootstrapped at ${bsf}`);
            journal.note(m2meId, { done: true });
            onStep?.({ step: 0, party: m2meId, to: bsf, what: 'bootstrapped with the new operator' });
            return { m2meId, state: 'done', operator: now, bootstrappedAt: bsf, ms: passed() };
          }
          if (wish.silent !== undefined && change?.state.startsWith('active-owing-') && now === NAMES.newSho) {
            const { bsf } = await patiently(until, () => machine.bootstrap());
            const reason = `${wish.silent} is silent; the machine goes on saying what it owes`;
            const result = { m2meId, state: 'active' as const, operator: now, bootstrappedAt: bsf, reason };
            return { ...result, ms: passed() };
          }
          if (wallClock.now() > until) {
            const reason = `machine ${change?.state ?? 'idle'}, order ${order.state}`;
            return { m2meId, state: 'stuck', reason, ms: passed() };
          }
          await delay(wait);
        }
      } finally {
        machine.close();
      }
    },
    close() {
      oldSho.close();
      newSho.close();
    },
  };
}
