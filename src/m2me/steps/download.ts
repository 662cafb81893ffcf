import { createHash } from 'node:crypto';
import { codeOf } from '../../base/index.ts';
import type { Answer } from '../../http/index.ts';
import { openPackage, verifyPackage } from '../../mcim/index.ts';
import type { Change } from '../journal.ts';
import type { Machine } from '../machine.ts';
import { acceptContent, acceptDownload, acceptSigner } from '../procedures/accept-package.ts';
import { READER_REFUSALS, type Refusal, refuse } from '../procedures/refusal.ts';

const MIN_CHUNK = 1024;
const MAX_CHUNK = 256 * 1024;

/** What was announced, and what the bound token was checked with. Digest in lower-case hexadecimal. */
export interface Announced {
  digest: string;
  size: number;
  chunkBytes: number;
}

export const chunkSize = (wished: number): number => Math.min(Math.max(wished, MIN_CHUNK), MAX_CHUNK);

/**
 * The rest of the download by ranges, then all checks, opened and sealed in the TRE as the pending subscription. Nothing of
 * it is visible to any other step until the caller's journal says so; it can be repeated after a power cut.
 */
export async function download(
  machine: Machine,
  change: Change,
  announced: Announced,
  fetch: (range: string) => Promise<Answer>,
): Promise<{ ok: true } | Refusal> {
  const { downloads } = machine;
  const chunks = [(await downloads.read(change.serial)) ?? Buffer.alloc(0)];
  for (let size = chunks[0]?.length ?? 0; size < announced.size; ) {
    const length = Math.min(announced.chunkBytes, announced.size - size);
    const { status, body } = await fetch(`bytes=${size}-${size + length - 1}`);
    if (status !== 206 || body.length !== length) return refuse('package-unavailable');
    await downloads.append(change.serial, body);
    chunks.push(body);
    size += length;
  }
  return await install(machine, change, Buffer.concat(chunks), announced);
}

async function install(
  machine: Machine,
  { claims, serial }: Change,
  octets: Buffer,
  announced: Announced,
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
    if (content.ok) await machine.tre.domain(claims.newSho.id).storePending(mcim, serial, announced.digest);
    mcim.k.erase();
    mcim.opc.erase();
    return content;
  } catch (error) {
    // With the new SHO's signature over it, a package that does not open will never open.
    if (READER_REFUSALS.includes(codeOf(error))) return refuse(codeOf(error), signedByNewSho);
    throw error;
  }
}
