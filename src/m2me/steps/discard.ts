import { codeOf } from '../../base/index.ts';
import type { Change } from '../journal.ts';
import { type Machine, move, roOf, showStep } from '../machine.ts';
import { giveBack } from './give-back.ts';

/** The token ran out before step 8: it goes back, and all is as before. True when that happened. */
export async function returnExpired(machine: Machine, change: Change): Promise<boolean> {
  if (machine.clock.now() <= change.claims.notAfter + machine.config.clockSkewMs) return false;
  await giveBack(machine, change, 'refuse', 'token-expired');
  return true;
}

/** The point of no return: from this commit on the machine only goes forward. The TRE must hold the whole new package. */
export async function beginDiscard(machine: Machine, change: Change): Promise<boolean> {
  if (!(await machine.tre.pendingReady(change.serial))) {
    machine.log.error('pending-slot-lost', { serial: change.serial });
    await giveBack(machine, change, 'refuse', 'package-lost');
    return true;
  }
  await move(machine, change, 'discard');
  return true;
}

/** Step 8, as often as it takes: record, slot key, slot data, contexts; the open Ua sessions are kept for 9 to 13. */
export async function discard(machine: Machine, change: Change): Promise<boolean> {
  const { tre, links } = machine;
  await tre.discard(change.serial, links.sessionsOf([change.oldSho, roOf(machine)]));
  links.endLive();
  await move(machine, change, 'erased');
  showStep(machine, 8, 'old credentials erased', { to: machine.config.id, serial: change.serial });
  return true;
}

/** Step 12: the switch in the TRE, after the RO's release or the grace time. What cannot be read cannot be switched to. */
export async function activate(machine: Machine, change: Change): Promise<boolean> {
  if (!(await canActivate(machine, change.serial))) {
    machine.log.error('activation-failed', { serial: change.serial });
    await move(machine, change, 'activation-failed');
    return true;
  }
  await machine.tre.activate(change.serial);
  const alone = change.state !== 'released';
  await move(machine, change, 'activated');
  showStep(machine, 12, alone ? 'new subscription active, without a release' : 'new subscription active', {
    to: machine.config.id,
    serial: change.serial,
  });
  return true;
}

/** Codes that say that the pending subscription is damaged; any other trouble may pass. */
const DAMAGE = ['slot-incomplete', 'seal-broken', 'tre-record-invalid', 'mcim-invalid'];

async function canActivate({ tre }: Machine, serial: string): Promise<boolean> {
  // The switch was made before a power cut.
  if (tre.identity()?.serial === serial) return true;
  try {
    return await tre.pendingReady(serial);
  } catch (error) {
    if (DAMAGE.includes(codeOf(error))) return false;
    throw error;
  }
}
