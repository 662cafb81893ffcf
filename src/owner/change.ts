import { type Clock, codeOf, fromBase64, GbaError, toHex } from '../base/index.ts';
import type { Net } from '../http/index.ts';
import { announcementOf } from '../token/index.ts';
import type { Signer } from '../x509/index.ts';
import { signAnnounced, signInstruction, signingRequest } from './instruction.ts';
import type { OwnerJournal } from './journal.ts';
import type { MachineClient, MachineStatus } from './machine-client.ts';
import type { OperatorClient, OrderStatus, Variant } from './operator-client.ts';
import { type Patience, patiently } from './patience.ts';

/** What the owner of machines works with. */
export interface OwnerTools extends Patience {
  oldSho: OperatorClient;
  newSho: OperatorClient;
  newShoId: string;
  roId: string;
  pvaId: string;
  signer: Signer;
  journal: OwnerJournal;
  /** Numbers instructions. */
  clock: Clock;
  /** Instead of sockets, towards machines. */
  net?: Net;
}

export interface Target {
  m2meId: string;
  machine: MachineClient;
  variant?: Variant | undefined;
  /** The machine holds the new subscription already. */
  bothPresent?: boolean | undefined;
}

/** One owner's instructions: every number is higher than all before, also of those in the same millisecond. */
const lastNumbers = new WeakMap<OwnerJournal, number>();

function nextNumber({ journal, clock }: OwnerTools): number {
  const number = Math.max(clock.now(), (lastNumbers.get(journal) ?? 0) + 1);
  lastNumbers.set(journal, number);
  return number;
}

/** A machine's refusals keep their code; when it cannot be reached, that is said of the machine. */
async function atMachine<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (codeOf(cause) !== 'peer-unreachable') throw cause;
    throw new GbaError('machine-unreachable', 'no answer from the machine', { cause, retryable: true });
  }
}

/** Step 0: the token, which in the signed variant takes the machine's signature first. */
async function release(tools: OwnerTools, { m2meId, machine, variant = 'gba' }: Target, until: number): Promise<void> {
  const { oldSho, newSho, signer, journal, roId } = tools;
  const keys = await patiently(tools, until, () => newSho.signingKeys());
  // Durable before it is used: whoever goes on after a crash asks for the same release, not for one more.
  const key = journal.of(m2meId).releaseKey ?? toHex(tools.random.bytes(16));
  await journal.note(m2meId, { releaseKey: key });
  const composed = await patiently(tools, until, () => oldSho.release({ m2meId, newSho: keys, roId, variant, key }));
  const { serial } = composed;
  let { token } = composed;
  if (token === undefined) {
    const request = await signingRequest(signer, m2meId, composed.claims, nextNumber(tools));
    const { signature = '' } = await patiently(tools, until, () => atMachine(() => machine.instruct(request)));
    token = (await patiently(tools, until, () => oldSho.consent(serial, fromBase64(signature)))).token;
  }
  if (token === undefined) throw new GbaError('token-missing', 'the old operator gave no token');
  const announced = announcementOf(token).toString('base64');
  await journal.note(m2meId, { serial, token: token.toString('base64'), announced });
}

/**
 * Steps 0 to 2, going on where the journal says: the release, the order, the instruction. Each answer is durable before the
 * next question, and each question asked again gets the same answer, so nothing is ordered twice. Throws what the parties
 * refuse with, `operator-unreachable`, `machine-unreachable`.
 */
export async function orderChange(tools: OwnerTools, target: Target, until: number): Promise<void> {
  const { journal, newSho, signer, roId, pvaId } = tools;
  const { m2meId, machine, bothPresent } = target;
  if (journal.of(m2meId).token === undefined) await release(tools, target, until);
  const token = fromBase64(journal.of(m2meId).token ?? '');
  if (journal.of(m2meId).orderId === undefined) {
    const wish = { m2meId, roId, pvaId, token, ...(bothPresent === true ? { bothPresent } : {}) };
    const orderId = await patiently(tools, until, () => newSho.order(wish));
    // Signed before it is journalled: a repeat must be the same octets.
    const instruction = await signInstruction(signer, token, nextNumber(tools));
    await journal.note(m2meId, { orderId, instruction: instruction.toString('base64') });
  }
  if (journal.of(m2meId).instructed !== true) {
    const instruction = fromBase64(journal.of(m2meId).instruction ?? '');
    try {
      await patiently(tools, until, () => atMachine(() => machine.instruct(instruction)));
    } catch (error) {
      // It had arrived before a crash took the answer away.
      if (codeOf(error) !== 'instruction-replayed') throw error;
    }
    await journal.note(m2meId, { instructed: true });
  }
}

export interface Look {
  order: OrderStatus;
  /** Undefined when the machine cannot be asked now: it may be changing networks. */
  machine: MachineStatus | undefined;
}

/**
 * How far an ordered change is, by the new operator and by the machine; a `brief` look asks the machine only when the order
 * has ended.
 */
export async function lookAt(tools: OwnerTools, target: Target, until: number, brief = false): Promise<Look> {
  const { m2meId, machine } = target;
  const orderId = tools.journal.of(m2meId).orderId ?? '';
  const order = await patiently(tools, until, () => tools.newSho.orderState(orderId));
  if (brief && order.state !== 'done') return { order, machine: undefined };
  try {
    return { order, machine: await machine.status() };
  } catch (error) {
    if (codeOf(error) !== 'peer-unreachable') throw error;
    return { order, machine: undefined };
  }
}

/** Asks the machine to give the token back; `returned`, or it throws `too-late`, `nothing-ordered`. */
export async function cancelChange(
  tools: OwnerTools,
  { m2meId, machine }: Pick<Target, 'm2meId' | 'machine'>,
  until: number,
): Promise<{ state: string }> {
  const { announced } = tools.journal.of(m2meId);
  if (announced === undefined) throw new GbaError('nothing-ordered', `no change of ${m2meId} was ordered`);
  const wish = { m2meId, number: nextNumber(tools), announced: fromBase64(announced) };
  const instruction = await signAnnounced(tools.signer, wish, 'cancel');
  try {
    await patiently(tools, until, () => atMachine(() => machine.instruct(instruction)));
  } catch (error) {
    // It has been given back already, by an earlier word of ours or by the machine itself.
    if (codeOf(error) !== 'token-returned') throw error;
  }
  await tools.journal.note(m2meId, { token: undefined, end: { state: 'returned', reason: 'cancelled' } });
  return { state: 'returned' };
}
