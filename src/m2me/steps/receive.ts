import { createHash } from 'node:crypto';
import { z } from 'zod';
import { codeOf, fromBase64, fromHex, GbaError } from '../../base/index.ts';
import { UA_TOKEN } from '../../gba/index.ts';
import { openPackage, verifyPackage } from '../../mcim/index.ts';
import { deriveRoKeys } from '../../token/index.ts';
import { appendChunk, downloadedSize, eraseDownload, readDownload } from '../download-file.ts';
import type { Change } from '../journal.ts';
import { knownSerials, type Machine, move, roOf, serialText, showStep, tokenBootstraps } from '../machine.ts';
import { acceptBoundToken } from '../procedures/accept-bound-token.ts';
import { acceptContent, acceptDownload, acceptSigner, acceptSize } from '../procedures/accept-package.ts';
import { READER_REFUSALS, type Refusal, refuse } from '../procedures/refusal.ts';
import { giveBack } from './give-back.ts';

const MIN_CHUNK = 1024;
const MAX_CHUNK = 256 * 1024;

const deliverySchema = z.looseObject({
  serial: z.string(),
  boundToken: z.string(),
  size: z.int(),
  digest: z.string(),
  chunkBytes: z.int(),
});

/** Step 7, first half: what the RO holds for this machine is judged by its announced digest and size alone. */
export async function takeDelivery(machine: Machine, change: Change): Promise<boolean> {
  const { config, tre, clock, links } = machine;
  const ro = roOf(machine);
  const answer = await links.live(ro).send('GET', `/ua/v1/delivery?m2me=${encodeURIComponent(config.id)}`);
  if (answer.status === 204) return false;
  if (answer.status !== 200) throw new GbaError(answer.cause(), `${ro.id} answered ${answer.status}`);
  const delivery = answer.json(deliverySchema);
  const digest = fromHex(delivery.digest, 32, 'digest');
  const sized = acceptSize(delivery.size, config.maxPackageBytes);
  const verdict = sized.ok
    ? acceptBoundToken(fromBase64(delivery.boundToken, 'bound token'), {
        now: clock.now(),
        skewMs: config.clockSkewMs,
        m2meId: config.id,
        roId: ro.id,
        digest,
        bootstraps: await tokenBootstraps(machine),
        known: await knownSerials(machine, await machine.journal.changes()),
        waiting: change.serial,
      })
    : sized;
  if (!verdict.ok) return await refuseDelivery(machine, change, verdict);
  // An older announcement may still be known, but only the newest waits for a package.
  if (serialText(verdict.claims.serial) !== change.serial) {
    return await refuseDelivery(machine, change, refuse('token-superseded'));
  }
  const ksNafRo = (await tre.nafKeys(ro.id, UA_TOKEN)).find(({ btid }) => btid === answer.btid)?.ksNaf;
  if (ksNafRo === undefined) throw new GbaError('ua-refused', 'the context of this delivery has just ended');
  await tre.pins.pinRoKeys(change.serial, deriveRoKeys(ksNafRo, verdict.claims.serial));
  const chunkBytes = Math.min(Math.max(delivery.chunkBytes, MIN_CHUNK), MAX_CHUNK);
  await eraseDownload(config.treDir, change.serial);
  await move(machine, change, 'token-accepted', {
    delivery: {
      digest: delivery.digest.toLowerCase(),
      size: delivery.size,
      chunkBytes,
      attested: change.state === 'attested',
      since: change.since,
    },
  });
  return true;
}

/** A final refusal gives the token back; any other leaves everything as it was and the machine goes on waiting. */
async function refuseDelivery(machine: Machine, change: Change, { reason, final }: Refusal): Promise<boolean> {
  machine.log.warn('delivery-refused', { serial: change.serial, reason, final });
  machine.refusals.set(change.serial, reason);
  if (!final) return false;
  await giveBack(machine, change, 'refuse', reason);
  return true;
}

/**
 * Step 7, second half: the rest of the download by ranges, then all checks, opened and sealed in the TRE. Until the journal
 * says `stored`, nothing of it is visible to any other step; each half can be repeated after a power cut.
 */
export async function takePackage(machine: Machine, change: Change): Promise<boolean> {
  const { delivery } = change;
  if (delivery === undefined) throw new GbaError('internal', 'a download without a delivery');
  const directory = machine.config.treDir;
  let size = await downloadedSize(directory, change.serial);
  while (size < delivery.size) {
    const chunk = await fetchChunk(machine, change.serial, size, Math.min(delivery.chunkBytes, delivery.size - size));
    if (chunk === undefined) return await dropDelivery(machine, change, refuse('package-unavailable'));
    await appendChunk(directory, change.serial, chunk);
    size += chunk.length;
  }
  const verdict = await install(machine, change, await readDownload(directory, change.serial), delivery);
  if (!verdict.ok) return await dropDelivery(machine, change, verdict);
  await move(machine, change, 'package-stored');
  machine.refusals.delete(change.serial);
  await eraseDownload(directory, change.serial);
  showStep(machine, 7, 'package downloaded, checked, opened in the TRE', {
    to: machine.config.id,
    serial: change.serial,
  });
  return true;
}

async function fetchChunk(machine: Machine, serial: string, from: number, length: number) {
  const range = `bytes=${from}-${from + length - 1}`;
  const answer = await machine.links
    .live(roOf(machine))
    .send('GET', `/ua/v1/deliveries/${serial}/package`, { headers: { range } });
  return answer.status === 206 && answer.body.length === length ? answer.body : undefined;
}

async function install(
  machine: Machine,
  { claims, serial }: Change,
  octets: Buffer,
  announced: { size: number; digest: string },
): Promise<{ ok: true } | Refusal> {
  const digest = createHash('sha256').update(octets).digest();
  const whole = acceptDownload(
    { size: octets.length, digest },
    { size: announced.size, digest: Buffer.from(announced.digest, 'hex') },
  );
  if (!whole.ok) return whole;
  let signedByNewSho = false;
  try {
    const { signer, envelope } = await verifyPackage(octets);
    const signed = acceptSigner(signer, claims);
    if (!signed.ok) return signed;
    signedByNewSho = true;
    const { mcim, ...inside } = await openPackage(envelope, machine.tre.decryption);
    const { bsf, sho } = mcim;
    const content = acceptContent({ ...inside, bsf, sho }, claims);
    if (content.ok) await machine.tre.storePending(mcim, serial, announced.digest);
    mcim.k.erase();
    mcim.opc.erase();
    return content;
  } catch (error) {
    // With the new SHO's signature over it, a package that does not open will never open.
    if (READER_REFUSALS.includes(codeOf(error))) return refuse(codeOf(error), signedByNewSho);
    throw error;
  }
}

async function dropDelivery(machine: Machine, change: Change, refusal: Refusal): Promise<boolean> {
  if (refusal.final) return await refuseDelivery(machine, change, refusal);
  await machine.journal.commit([machine.journal.dropDeliveryOp(change)]);
  await eraseDownload(machine.config.treDir, change.serial);
  return await refuseDelivery(machine, change, refusal);
}
