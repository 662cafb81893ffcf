import type { Change } from '../journal.ts';
import { type Machine, move, roOf, showStep } from '../machine.ts';
import { acceptSize } from '../procedures/accept-package.ts';
import { type Refusal, refuse } from '../procedures/refusal.ts';
import { chunkSize, download } from './download.ts';
import { resultOf, sendAnyWay } from './owed.ts';
import { type Offer, readOffer, readOffered } from './receive.ts';

/**
 * After a failed activation: a corrected package under the same token. The machine asks with its MACed report, because it
 * has no subscription to prove; the claims are the ones its owner announced, so their validity is over or not: only forward.
 */
export async function takeCorrection(machine: Machine, change: Change): Promise<boolean> {
  const ro = roOf(machine);
  const { bytes } = await resultOf(machine, change, 'failure');
  const answer = await sendAnyWay(machine, change, ro, 'corrections', bytes);
  if (answer.status === 204) return false;
  const offer = readOffer(answer);
  const verdict = await acceptCorrection(machine, change, offer);
  if (!verdict.ok) return notTaken(machine, change, verdict);
  const announced = { digest: offer.digest.toLowerCase(), size: offer.size, chunkBytes: chunkSize(offer.chunkBytes) };
  // What a power cut left may be of an earlier correction.
  await machine.downloads.erase(change.serial);
  const taken = await download(machine, change, announced, (range) =>
    sendAnyWay(machine, change, ro, 'corrections/package', bytes, { range }),
  );
  if (!taken.ok) return notTaken(machine, change, taken);
  const { attested = true, since = change.since } = change.delivery ?? {};
  await move(machine, change, 'correction-stored', { delivery: { ...announced, attested, since } });
  machine.refusals.delete(change.serial);
  await machine.downloads.erase(change.serial);
  showStep(machine, 7, 'corrected package downloaded, checked, opened in the TRE', {
    to: machine.config.id,
    serial: change.serial,
    keyId: announced.digest.slice(0, 8),
  });
  return true;
}

async function acceptCorrection(machine: Machine, change: Change, offer: Offer): Promise<{ ok: true } | Refusal> {
  const sized = acceptSize(offer.size, machine.config.maxPackageBytes);
  if (!sized.ok || offer.size === 0) return refuse('package-too-large');
  const read = await readOffered(offer);
  if (!read.ok) return read;
  if (!read.bound.claimsDer.equals(change.claimsDer)) return refuse('token-claims-differ');
  const grant = await machine.tre.grant(change.serial);
  const narrowed = grant?.accepts(read.bound, read.digest) === true;
  grant?.erase();
  return narrowed ? { ok: true } : refuse('token-tag-mismatch');
}

function notTaken(machine: Machine, change: Change, { reason }: Refusal): false {
  machine.log.warn('correction-refused', { serial: change.serial, reason });
  machine.refusals.set(change.serial, reason);
  return false;
}
