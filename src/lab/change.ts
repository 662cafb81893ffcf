import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, fromBase64, GbaError } from '../base/index.ts';
import { loadTls, readTextFile } from '../http/index.ts';
import { loadSigner, type Signer } from '../x509/index.ts';
import type { Lab } from './lab.ts';
import { bsfOf, NAMES } from './names.ts';
import { createMachineClient, createOperatorClient, serialOf, signInstruction } from './owner-client.ts';
import { type OwnerJournal, openOwnerJournal } from './owner-journal.ts';

/** How often the owner looks how far its machine is, milliseconds: soon at first, then ever more seldom. */
const LOOK_MS = 20;
const LONGEST_LOOK_MS = 300;

export interface ChangeResult {
  m2meId: string;
  state: 'done' | 'refused' | 'stuck';
  operator?: string;
  /** BSF that answered the machine's bootstrapping after the change. */
  bootstrappedAt?: string;
  reason?: string;
  ms: number;
}

export interface Owner {
  journal: OwnerJournal;
  signer: Signer;
  /** Owner's part of one change, from the order of the release to the new operator; goes on where it stopped. */
  change(m2meId: string, timeoutMs: number): Promise<ChangeResult>;
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
  const { clock, onStep } = lab.options;

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
        const passing = ['bootstrap-missing', 'peer-unreachable', 'conflict', 'overloaded'].includes(codeOf(error));
        if (!passing || clock.now() > until) throw error;
        await delay(LOOK_MS);
      }
    }
  }

  async function orders(m2meId: string, until: number): Promise<void> {
    if (journal.of(m2meId).token === undefined) {
      const keys = await patiently(until, () => newSho.signingKeys());
      const wish = { m2meId, newSho: keys, roId: NAMES.ro };
      const { serial, token } = await patiently(until, () => oldSho.release(wish));
      journal.note(m2meId, { serial, token: token.toString('base64') });
    }
    const token = fromBase64(journal.of(m2meId).token ?? '');
    if (journal.of(m2meId).orderId === undefined) {
      const wish = { m2meId, roId: NAMES.ro, pvaId: NAMES.pva, token };
      journal.note(m2meId, { orderId: await patiently(until, () => newSho.order(wish)) });
    }
    if (journal.of(m2meId).instruction === undefined) {
      // Numbers rise with time, so that a later instruction always wins.
      const instruction = await signInstruction(signer, token, clock.now());
      journal.note(m2meId, { serial: serialOf(token), instruction: instruction.toString('base64') });
    }
    if (journal.of(m2meId).instructed !== true) {
      const machine = machineClient(m2meId);
      const instruction = fromBase64(journal.of(m2meId).instruction ?? '');
      try {
        await patiently(until, () => machine.instruct(instruction));
      } catch (error) {
        // It had arrived before a crash took the answer away.
        if (codeOf(error) !== 'instruction-replayed') throw error;
      } finally {
        machine.close();
      }
      journal.note(m2meId, { instructed: true });
    }
  }

  return {
    journal,
    signer,
    async change(m2meId, timeoutMs) {
      const startedAt = clock.now();
      const until = startedAt + timeoutMs;
      const passed = () => clock.now() - startedAt;
      await orders(m2meId, until);
      const machine = machineClient(m2meId);
      try {
        for (let wait = LOOK_MS; ; wait = Math.min(wait * 1.4, LONGEST_LOOK_MS)) {
          const { change, operator: now } = await patiently(until, () => machine.status());
          const order = await newSho.orderState(journal.of(m2meId).orderId ?? '');
          if (change?.state === 'refused' || change?.state === 'returned' || order.state === 'refused') {
            return { m2meId, state: 'refused', reason: change?.reason ?? order.reason ?? 'refused', ms: passed() };
          }
          if (change?.state === 'finished' && order.state === 'done' && now === NAMES.newSho) {
            const { bsf } = await patiently(until, () => machine.bootstrap());
            if (bsf !== bsfOf(NAMES.newSho)) throw new GbaError('bootstrap-elsewhere', `bootstrapped at ${bsf}`);
            journal.note(m2meId, { done: true });
            onStep?.({ step: 0, party: m2meId, to: bsf, what: 'bootstrapped with the new operator' });
            return { m2meId, state: 'done', operator: now, bootstrappedAt: bsf, ms: passed() };
          }
          if (clock.now() > until) {
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
