import { GbaError } from '../base/index.ts';
import type { Op } from '../store/index.ts';
import { machineGrant, makeConsent, readAnnouncement, readInstruction } from '../token/index.ts';
import { type ChangeState, changeFlow } from './change-flow.ts';
import type { Change } from './journal.ts';
import { currentSho, deviceKeyOf, knownSerials, type Machine, roOf, showStep, tokenBootstraps } from './machine.ts';
import { acceptInstruction, type InstructionVerdict, judgeSender } from './procedures/accept-instruction.ts';
import type { Refusal } from './procedures/refusal.ts';
import { clearEnded, giveBack, returnOps, returnOpsOf } from './steps/give-back.ts';

type Accepted = Extract<InstructionVerdict, { ok: true }>;

export interface InstructionAnswer {
  number: number;
  state: ChangeState | 'signed';
  /** The machine's signature over the claims, DER in base64, when it was asked to sign. */
  signature?: string;
}

/**
 * Step 2: the owner's signed instruction. Keys are pinned and the change journalled before the answer; a refusal throws its
 * reason (`instruction-…`, `token-…`, `too-late`) and changes nothing.
 */
export async function instruct(machine: Machine, octets: Uint8Array): Promise<InstructionAnswer> {
  const { config, clock, journal } = machine;
  const instruction = await readInstruction(octets);
  const changes = await journal.changes();
  const open = newestOpen(changes);
  const state = await journal.machine();
  const sender = { m2meId: config.id, ownerKeySha256: config.ownerKeySha256, highest: state.number };
  const stranger = judgeSender(instruction, sender);
  if (stranger !== undefined) throw refused(machine, stranger);
  const announcement = await readAnnouncement(instruction.announced);
  const bootstraps = await tokenBootstraps(machine);
  const verdict = acceptInstruction(instruction, announcement, {
    ...sender,
    now: clock.now(),
    skewMs: config.clockSkewMs,
    roId: roOf(machine).id,
    bootstraps,
    deviceKey: deviceKeyOf(machine),
    isOldSho: (certificate) => machine.isOldSho(certificate),
    known: knownSerials(changes),
    open,
  });
  for (const { ksNaf } of bootstraps) ksNaf.erase();
  if (!verdict.ok) throw refused(machine, verdict);
  const { number } = instruction;
  const { claimsDer } = announcement;
  const numbered = journal.machineOp(state, { number });
  const known = changes.find(({ serial }) => serial === verdict.serial);
  if (verdict.effect === 'sign') {
    await journal.commit([numbered]);
    const signature = await makeConsent(claimsDer, machine.tre.device.signer());
    return { number, state: 'signed', signature: signature.toString('base64') };
  }
  if (verdict.effect === 'announce') return await announce(machine, verdict, changes, { number, claimsDer, numbered });
  if (verdict.effect === 'renew' && known !== undefined) {
    await journal.commit([numbered, journal.renewOp(known, number)]);
    return { number, state: known.state };
  }
  if (known === undefined) await burn(machine, verdict, { number, claimsDer, numbered });
  else await giveBack(machine, known, 'cancel', 'cancelled', [numbered]);
  return { number, state: 'returned' };
}

function refused(machine: Machine, { reason }: Refusal): GbaError {
  machine.log.warn('instruction-refused', { reason });
  return new GbaError(reason, 'the instruction is refused');
}

interface Numbered {
  number: number;
  claimsDer: Buffer;
  numbered: Op;
}

function newestOpen(changes: readonly Change[]): Change | undefined {
  return changes.filter(({ state }) => !changeFlow.isFinal(state)).sort((a, b) => b.number - a.number)[0];
}

/** A new serial: its keys are pinned first, then it is journalled together with the end of the one it replaces. */
async function announce(
  machine: Machine,
  { serial, secrets, replaces }: Accepted,
  changes: readonly Change[],
  { number, claimsDer, numbered }: Numbered,
): Promise<InstructionAnswer> {
  const { journal, clock } = machine;
  if (secrets !== undefined) await machine.tre.pins.pinTokenKeys(serial, secrets);
  const replaced = changes.find((change) => change.serial === replaces);
  const ends: Op[] =
    replaced === undefined
      ? []
      : [
          journal.moveOp(replaced, 'supersede', clock.now(), { reason: 'superseded' }),
          ...(await returnOpsOf(machine, replaced.serial, 'superseded')),
        ];
  const record = newRecord(machine, 'announced', number, claimsDer);
  await journal.commit([numbered, journal.newChangeOp(serial, record), ...ends]);
  if (replaced !== undefined) {
    machine.kickOutbox();
    await clearEnded(machine, replaced.serial);
  }
  showStep(machine, 2, "owner's instruction taken, keys pinned", {
    to: machine.config.id,
    serial,
    ...(secrets?.[0] !== undefined && { keyId: secrets[0].id() }),
  });
  for (const secret of secrets ?? []) secret.erase();
  return { number, state: 'announced' };
}

/** A token that the machine never heard of is taken back before it was ever announced: its serial is burnt here. */
async function burn(machine: Machine, { serial, secrets }: Accepted, { number, claimsDer, numbered }: Numbered) {
  if (secrets === undefined) throw new GbaError('internal', 'a serial without consent was to be burnt');
  const record = { ...newRecord(machine, 'returned', number, claimsDer), reason: 'cancelled' };
  const grant = machineGrant(secrets, () => machine.tre.device.signer());
  const ops = await returnOps(machine, serial, 'cancelled', grant);
  grant.erase();
  await machine.journal.commit([numbered, machine.journal.newChangeOp(serial, record), ...ops]);
  machine.kickOutbox();
}

function newRecord(machine: Machine, state: ChangeState, number: number, claimsDer: Buffer) {
  const { id, url } = currentSho(machine);
  const since = machine.clock.now();
  return { state, since, number, claims: claimsDer.toString('base64'), oldSho: { id, url } };
}
