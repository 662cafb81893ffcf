import { GbaError } from '../../base/index.ts';
import { enqueue, type OutboxMessage } from '../../flow/index.ts';
import type { Op } from '../../store/index.ts';
import type { MachineGrant } from '../../token/index.ts';
import { type ChangeEvent, changeFlow } from '../change-flow.ts';
import type { Change } from '../journal.ts';
import { type Machine, roOf, serialOctets } from '../machine.ts';

/** Who must hear of a token that came back; the ids name the outbox messages. */
const TO_SHO = 'return-sho';
const TO_RO = 'return-ro';
/** Statuses below 500 that are no verdict: timeout, conflict, too many requests. */
const TRY_AGAIN = [408, 409, 429];

/** The two messages of a returned token: to the operator that issued it, and to the RO as a refusal of its delivery. */
export async function returnOps(machine: Machine, serial: string, reason: string, grant: MachineGrant): Promise<Op[]> {
  const fields = { serial: serialOctets(serial), m2meId: machine.config.id, reason };
  const bytes = (await grant.makeReturn(fields)).toString('base64');
  return [
    enqueue({ id: `${TO_SHO}-${serial}`, to: TO_SHO, method: 'POST', path: '/ua/v1/returns', bytes }),
    enqueue({
      id: `${TO_RO}-${serial}`,
      to: TO_RO,
      method: 'POST',
      path: `/ua/v1/deliveries/${serial}/refusals`,
      json: { reason, return: bytes },
    }),
  ];
}

/**
 * Ends a change before step 8: the serial is burnt and the messages are queued in one commit; then what was pending goes.
 */
export async function giveBack(
  machine: Machine,
  change: Change,
  event: Extract<ChangeEvent, 'cancel' | 'refuse'>,
  reason: string,
  alongWith: readonly Op[] = [],
): Promise<void> {
  const op = machine.journal.moveOp(change, event, machine.clock.now(), { reason });
  await machine.journal.commit([...alongWith, op, ...(await returnOpsOf(machine, change.serial, reason))]);
  machine.log.info('token-returned', { serial: change.serial, reason });
  machine.kickOutbox();
  await clearEnded(machine, change.serial);
}

/** The queued messages of a serial whose keys are pinned. */
export async function returnOpsOf(machine: Machine, serial: string, reason: string): Promise<Op[]> {
  const grant = await machine.tre.grant(serial);
  if (grant === undefined) throw new GbaError('tre-record-invalid', 'the keys of an open change are not pinned');
  const ops = await returnOps(machine, serial, reason, grant);
  grant.erase();
  return ops;
}

/** Removes what an ended change leaves: pending slot, download, pinned keys. Repeating it does no harm. */
export async function clearEnded(machine: Machine, serial: string): Promise<void> {
  if (machine.tre.pendingSerial() === serial) await machine.tre.dropPending();
  await machine.downloads.erase(serial);
  machine.links.endKept(serial);
  await machine.tre.pins.forget(serial);
}

/** After a start: finishes the clearing that a power cut left, for ended changes and for files that none owns. */
export async function clearLeftovers(machine: Machine): Promise<void> {
  const changes = await machine.journal.changes();
  const open = new Set(changes.filter(({ state }) => !changeFlow.isFinal(state)).map(({ serial }) => serial));
  const pending = machine.tre.pendingSerial();
  if (pending !== undefined && !open.has(pending)) await machine.tre.dropPending();
  for (const serial of await machine.tre.pins.serials()) if (!open.has(serial)) await machine.tre.pins.forget(serial);
  for (const serial of await machine.downloads.serials()) {
    if (!open.has(serial)) await machine.downloads.erase(serial);
  }
}

/**
 * Delivers one queued return. The operator hears it over Ua while that works, else with the message's own MAC alone; an
 * answer of the application ends it. The RO may not have the delivery yet: tried until the token has run out anyway.
 */
export async function deliverReturn(machine: Machine, message: OutboxMessage): Promise<'done' | 'retry' | 'drop'> {
  const serial = message.id.slice(message.to.length + 1);
  const change = (await machine.journal.changes()).find((one) => one.serial === serial);
  if (change === undefined) return 'drop';
  return message.to === TO_SHO ? await tellOldSho(machine, change, message) : await tellRo(machine, change, message);
}

async function tellOldSho(machine: Machine, change: Change, message: OutboxMessage) {
  const bytes = Buffer.from(message.bytes ?? '', 'base64');
  if (machine.tre.identity()?.sho.id === change.oldSho.id) {
    const answer = await machine.links
      .live(change.oldSho)
      .send(message.method, message.path, { bytes })
      .catch(() => undefined);
    if (answer !== undefined && answer.status < 300) return 'done';
  }
  const path = message.path.replace('/ua/v1/', '/m2me/v1/');
  const answer = await machine.links.plain(change.oldSho).send(message.method, path, { bytes });
  if (answer.status < 300) return 'done';
  return TRY_AGAIN.includes(answer.status) || answer.status >= 500 ? 'retry' : 'drop';
}

async function tellRo(machine: Machine, change: Change, message: OutboxMessage) {
  const { json } = message;
  const answer = await machine.links.live(roOf(machine)).send(message.method, message.path, { json });
  if (answer.status < 300) return 'done';
  if (TRY_AGAIN.includes(answer.status) || answer.status >= 500) return 'retry';
  const over = machine.clock.now() > change.claims.notAfter + machine.config.clockSkewMs;
  return over ? 'drop' : 'retry';
}
