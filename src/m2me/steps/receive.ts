import { z } from 'zod';
import { codeOf, equalBytes, fromBase64, fromHex, GbaError } from '../../base/index.ts';
import { UA_TOKEN } from '../../gba/index.ts';
import { type BoundToken, type Claims, deriveRoKeys, readBoundToken } from '../../token/index.ts';
import type { Change } from '../journal.ts';
import { knownSerials, type Machine, move, narrowingOf, roOf, serialText, showStep } from '../machine.ts';
import { acceptBoundToken } from '../procedures/accept-bound-token.ts';
import { acceptSize } from '../procedures/accept-package.ts';
import { READER_REFUSALS, type Refusal, refuse } from '../procedures/refusal.ts';
import { chunkSize, download } from './download.ts';
import { giveBack } from './give-back.ts';

const deliverySchema = z.looseObject({
  serial: z.string(),
  boundToken: z.string(),
  size: z.int().min(0),
  digest: z.string(),
  chunkBytes: z.int(),
});
export type Offer = z.infer<typeof deliverySchema>;

/** Reads an offer of the RO; throws `json-invalid`. */
export const readOffer = (answer: { json<T>(schema: { parse(value: unknown): T }): T }): Offer =>
  answer.json(deliverySchema);

/** The bound token of an offer, or why it cannot be read. */
export async function readOffered(offer: Offer): Promise<{ ok: true; bound: BoundToken; digest: Buffer } | Refusal> {
  try {
    const bound = await readBoundToken(fromBase64(offer.boundToken, 'bound token'));
    return { ok: true, bound, digest: fromHex(offer.digest, 32, 'digest') };
  } catch (error) {
    if (READER_REFUSALS.includes(codeOf(error))) return refuse(codeOf(error));
    throw error;
  }
}

/** Step 7, first half: what the RO holds for this machine is judged by its announced digest and size alone. */
export async function takeDelivery(machine: Machine, change: Change): Promise<boolean> {
  const { config, tre, links } = machine;
  const ro = roOf(machine);
  const answer = await links.live(ro).send('GET', `/ua/v1/delivery?m2me=${encodeURIComponent(config.id)}`);
  if (answer.status === 204) return false;
  if (answer.status !== 200) throw new GbaError(answer.cause(), `${ro.id} answered ${answer.status}`);
  const offer = readOffer(answer);
  const verdict = await judgeOffer(machine, change, offer);
  if (!verdict.ok) return await refuseDelivery(machine, change, verdict);
  // An older announcement may still be known, but only the newest waits for a package.
  if (serialText(verdict.claims.serial) !== change.serial) {
    return await refuseDelivery(machine, change, refuse('token-superseded'));
  }
  const stored = offer.size === 0;
  if (stored) {
    const present = acceptStored(machine, verdict.claims, offer.digest);
    if (!present.ok) return await refuseDelivery(machine, change, present);
  }
  const ksNafRo = (await tre.nafKeys(ro.id, UA_TOKEN)).find(({ btid }) => btid === answer.btid)?.ksNaf;
  if (ksNafRo === undefined) throw new GbaError('ua-refused', 'the context of this delivery has just ended');
  await tre.pins.pinRoKeys(change.serial, deriveRoKeys(ksNafRo, verdict.claims.serial));
  await machine.downloads.erase(change.serial);
  if (stored && !(await tre.domain(verdict.claims.newSho.id).bindStored(change.serial, offer.digest.toLowerCase()))) {
    return await refuseDelivery(machine, change, refuse('package-not-present'));
  }
  await move(machine, change, stored ? 'package-present' : 'token-accepted', {
    delivery: {
      digest: offer.digest.toLowerCase(),
      size: offer.size,
      chunkBytes: chunkSize(offer.chunkBytes),
      attested: change.state === 'attested',
      since: change.since,
    },
  });
  if (stored) {
    machine.refusals.delete(change.serial);
    const what = 'token bound to the subscription that is stored already';
    showStep(machine, 7, what, { to: config.id, serial: change.serial });
  }
  return true;
}

async function judgeOffer(machine: Machine, change: Change, offer: Offer) {
  const { config, clock } = machine;
  const sized = acceptSize(offer.size, config.maxPackageBytes);
  if (!sized.ok) return sized;
  const read = await readOffered(offer);
  if (!read.ok) return read;
  const known = knownSerials(await machine.journal.changes());
  const held = known(serialText(read.bound.claims.serial));
  return acceptBoundToken(read.bound, {
    now: clock.now(),
    skewMs: config.clockSkewMs,
    m2meId: config.id,
    roId: roOf(machine).id,
    narrowed: await narrowingOf(machine, read.bound, read.digest, held),
    known,
    waiting: change.serial,
  });
}

/** Both present: this operator's own slot holds the package of this digest, signed by a key that the claims list. */
function acceptStored(machine: Machine, { newSho }: Claims, digest: string): { ok: true } | Refusal {
  const signer = machine.tre.domain(newSho.id).signerOfStored(digest.toLowerCase());
  // Not final: that nothing is to be downloaded is only the RO's word.
  if (signer === undefined) return refuse('package-not-present');
  const listed = newSho.keyHashes.some((hash) => equalBytes(hash, Buffer.from(signer, 'hex')));
  return listed ? { ok: true } : refuse('package-signer-unknown');
}

/** A final refusal gives the token back; any other leaves everything as it was and the machine goes on waiting. */
async function refuseDelivery(machine: Machine, change: Change, { reason, final }: Refusal): Promise<boolean> {
  machine.log.warn('delivery-refused', { serial: change.serial, reason, final });
  machine.refusals.set(change.serial, reason);
  if (!final) return false;
  await giveBack(machine, change, 'refuse', reason);
  return true;
}

/** Step 7, second half. Until the journal says `stored`, nothing of the package is visible to any other step. */
export async function takePackage(machine: Machine, change: Change): Promise<boolean> {
  const { delivery } = change;
  if (delivery === undefined) throw new GbaError('internal', 'a download without a delivery');
  const path = `/ua/v1/deliveries/${change.serial}/package`;
  const verdict = await download(machine, change, delivery, (range) =>
    machine.links.live(roOf(machine)).send('GET', path, { headers: { range } }),
  );
  if (!verdict.ok) return await dropDelivery(machine, change, verdict);
  await move(machine, change, 'package-stored');
  machine.refusals.delete(change.serial);
  await machine.downloads.erase(change.serial);
  showStep(machine, 7, 'package downloaded, checked, opened in the TRE', {
    to: machine.config.id,
    serial: change.serial,
  });
  return true;
}

async function dropDelivery(machine: Machine, change: Change, refusal: Refusal): Promise<boolean> {
  if (refusal.final) return await refuseDelivery(machine, change, refusal);
  await machine.journal.commit([machine.journal.dropDeliveryOp(change)]);
  await machine.downloads.erase(change.serial);
  return await refuseDelivery(machine, change, refusal);
}
