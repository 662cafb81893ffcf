import { GbaError } from '../base/index.ts';
import type { Op } from '../store/index.ts';
import { readInstruction } from '../token/index.ts';
import { type ChangeState, changeFlow } from './change-flow.ts';
import type { Change } from './journal.ts';
import { currentSho, knownSerials, type Machine, roOf, showStep, tokenBootstraps } from './machine.ts';
import { acceptInstruction, type InstructionVerdict } from './procedures/accept-instruction.ts';
import { clearEnded, giveBack, returnOps, returnOpsOf } from './steps/give-back.ts';

type Accepted = Extract<InstructionVerdict, { ok: true }>;

export interface InstructionAnswer {
  number: number;
  state: ChangeState;
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
  const verdict = acceptInstruction(instruction, {
    now: clock.now(),
    skewMs: config.clockSkewMs,
    m2meId: config.id,
    roId: roOf(machine).id,
    ownerKeySha256: config.ownerKeySha256,
    highest: state.number,
    bootstraps: await tokenBootstraps(machine),
    known: await knownSerials(machine, changes),
    open,
  });
  if (!verdict.ok) {
    machine.log.warn('instruction-refused', { reason: verdict.reason });
    throw new GbaError(verdict.reason, 'the instruction is refused');
  }
  const { number, claimsDer } = instruction;
  const numbered = journal.machineOp(state, { number });
  const known = changes.find(({ serial }) => serial === verdict.serial);
  if (verdict.effect === 'announce') return await announce(machine, verdict, changes, { number, claimsDer, numbered });
  if (verdict.effect === 'renew' && known !== undefined) {
    await journal.commit([numbered, journal.renewOp(known, number)]);
    return { number, state: known.state };
  }
  if (known === undefined) await burn(machine, verdict, { number, claimsDer, numbered });
  else await giveBack(machine, known, 'cancel', 'cancelled', [numbered]);
  return { number, state: 'returned' };
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
  { serial, keys, replaces }: Accepted,
  changes: readonly Change[],
  { number, claimsDer, numbered }: Numbered,
): Promise<InstructionAnswer> {
  const { journal, clock } = machine;
  if (keys !== undefined) await machine.tre.pins.pinTokenKeys(serial, keys);
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
    ...(keys !== undefined && { keyId: keys.install.id() }),
  });
  return { number, state: 'announced' };
}

/** A token that the machine never heard of is taken back before it was ever announced: its serial is burnt here. */
async function burn(machine: Machine, { serial, keys }: Accepted, { number, claimsDer, numbered }: Numbered) {
  if (keys === undefined) throw new GbaError('token-bootstrap-unknown', 'no bootstrap for this token');
  const record = { ...newRecord(machine, 'returned', number, claimsDer), reason: 'cancelled' };
  const ops = returnOps(machine, serial, 'cancelled', keys.return);
  await machine.journal.commit([numbered, machine.journal.newChangeOp(serial, record), ...ops]);
  machine.kickOutbox();
}

function newRecord(machine: Machine, state: ChangeState, number: number, claimsDer: Buffer) {
  const { id, url } = currentSho(machine);
  const since = machine.clock.now();
  return { state, since, number, claims: claimsDer.toString('base64'), oldSho: { id, url } };
}
