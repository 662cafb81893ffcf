import { equalBytes, GbaError, SecretKey } from '../../base/index.ts';
import type { Answer } from '../../http/index.ts';
import { makeRelay, makeResult, readAcknowledgement, readRelease, releaseLock } from '../../token/index.ts';
import type { Change } from '../journal.ts';
import type { Operator } from '../links.ts';
import { type Machine, move, roOf, serialOctets, showStep } from '../machine.ts';
import { clearEnded } from './give-back.ts';

const ACTIVATION_FAILED = 'activation-failed';

/** The messages after step 8. Each carries its own MAC, so any way to the receiver will do. */

/** Step 9 and the answer, step 10: believed by its MAC and by r, which opens the release lock of the claims. */
export async function unregister(machine: Machine, change: Change): Promise<boolean> {
  const { tre } = machine;
  const bytes = await tre.unregistration(change.serial);
  const grant = await tre.grant(change.serial);
  if (grant === undefined) throw new GbaError('tre-record-invalid', 'no keys to unregister with');
  const keyId = grant.keyId('unregister');
  const details = { to: change.oldSho.id, serial: change.serial, ...(keyId === undefined ? {} : { keyId }) };
  showStep(machine, 9, 'unregistration after the discard', details);
  const answer = await sendAnyWay(machine, change, change.oldSho, 'unregistrations', bytes);
  const acknowledgement = readAcknowledgement(answer.body);
  const { serial, r } = acknowledgement;
  const mine = equalBytes(serial, serialOctets(change.serial));
  const genuine = grant.acknowledges(acknowledgement);
  grant.erase();
  if (!mine || !genuine) {
    throw new GbaError('acknowledgement-invalid', 'the acknowledgement is not by the old operator for this serial');
  }
  if (!equalBytes(releaseLock(r), change.claims.releaseLock)) {
    throw new GbaError('acknowledgement-lock-mismatch', 'the acknowledgement does not open the release lock');
  }
  const kept = SecretKey.copyOf(r);
  await tre.pins.keepRelease(change.serial, kept);
  kept.erase();
  await move(machine, change, 'acknowledgement');
  return true;
}

/** Step 11 and the answer, step 12: the release under K_activate. */
export async function relay(machine: Machine, change: Change): Promise<boolean> {
  const { pins } = machine.tre;
  const keys = await pins.roKeys(change.serial);
  const r = await pins.release(change.serial);
  if (keys === undefined || r === undefined) throw new GbaError('tre-record-invalid', 'nothing to relay');
  const ro = roOf(machine);
  const bytes = makeRelay({ serial: serialOctets(change.serial), r: r.bytes() }, keys.relay);
  r.erase();
  showStep(machine, 11, 'acknowledgement relayed', { to: ro.id, serial: change.serial, keyId: keys.relay.id() });
  const answer = await sendAnyWay(machine, change, ro, 'acknowledgements', bytes);
  const release = readRelease(answer.body);
  if (!equalBytes(release.serial, serialOctets(change.serial)) || !release.matches(keys.activate)) {
    throw new GbaError('release-invalid', 'the release is not by the RO for this serial');
  }
  await move(machine, change, 'release');
  return true;
}

/** Step 13, after which nothing of this change is needed any more. */
export async function report(machine: Machine, change: Change): Promise<boolean> {
  await sendResult(machine, change, 'success');
  await move(machine, change, 'result-taken');
  await clearEnded(machine, change.serial);
  return true;
}

/** Step 13 after an activation that failed: the machine goes on waiting, for a corrected package. */
export async function reportFailure(machine: Machine, change: Change): Promise<boolean> {
  await sendResult(machine, change, 'failure');
  await move(machine, change, 'failure-taken');
  return true;
}

async function sendResult(machine: Machine, change: Change, outcome: 'success' | 'failure'): Promise<void> {
  const ro = roOf(machine);
  const { bytes, keyId } = await resultOf(machine, change, outcome);
  showStep(machine, 13, `result: ${outcome}`, { to: ro.id, serial: change.serial, keyId });
  await sendAnyWay(machine, change, ro, 'results', bytes);
}

/** Message 13 about the package that this change was last given. */
export async function resultOf(machine: Machine, { serial, delivery }: Change, outcome: 'success' | 'failure') {
  const keys = await machine.tre.pins.roKeys(serial);
  if (keys === undefined || delivery === undefined) throw new GbaError('tre-record-invalid', 'no keys to report with');
  const about = { serial: serialOctets(serial), packageDigest: Buffer.from(delivery.digest, 'hex') };
  const bytes = makeResult({ ...about, outcome, reason: outcome === 'success' ? '' : ACTIVATION_FAILED }, keys.result);
  const keyId = keys.result.id();
  for (const key of Object.values(keys)) key.erase();
  return { bytes, keyId };
}

/** A step that waits for somebody else: without his answer for the grace time the machine goes on alone. */
export async function orGrace(machine: Machine, change: Change, step: () => Promise<boolean>): Promise<boolean> {
  try {
    return await step();
  } catch (error) {
    const waited = machine.clock.now() - change.since;
    // The clock was set back, perhaps by years: the wait begins anew.
    if (waited < 0) await machine.journal.commit([machine.journal.waitOp(change, machine.clock.now())]);
    if (waited < machine.config.graceMs) throw error;
    machine.log.warn('grace-over', { serial: change.serial, state: change.state });
    await move(machine, change, 'grace-over');
    return true;
  }
}

/**
 * Over the Ua session that outlived the old subscription, then over Ua under the subscription in use (the RO only: the old
 * operator is no NAF of the new one's BSF), then over server-authenticated TLS alone. Returns the first 2xx answer.
 */
export async function sendAnyWay(
  machine: Machine,
  change: Change,
  to: Operator,
  resource: string,
  bytes: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const { links, tre } = machine;
  const sending = { bytes, headers };
  const ways = [() => links.kept(to, change.serial).send('POST', `/ua/v1/${resource}`, sending)];
  const ownRo = to.id === machine.config.ro.id && tre.identity() !== undefined;
  if (ownRo) ways.push(() => links.live(to).send('POST', `/ua/v1/${resource}`, sending));
  for (const way of ways) {
    // A refusal or a server that cannot reach its BSF ends this way only: the MAC inside is what counts.
    const answer = await way().catch(() => undefined);
    if (answer !== undefined && answer.status < 300) return answer;
  }
  return await links.plain(to).call('POST', `/m2me/v1/${resource}`, sending);
}
