import { readFileSync } from 'node:fs';
import { opcFromOp } from '../aka/index.ts';
import { GbaError, SecretKey, toHex } from '../base/index.ts';
import { readTextFile } from '../http/index.ts';
import { type Mcim, openPackage, packageDigest, verifyPackage } from '../mcim/index.ts';
import { initialMcimSchema, type M2meConfig } from './config.ts';
import { acceptPreload } from './procedures/accept-package.ts';
import type { Tre } from './tre/index.ts';

/** What a machine gets before it leaves the factory: subscriptions in waiting, then the first one in use. */
export async function commission(tre: Tre, config: M2meConfig): Promise<void> {
  // The one in use comes last: it says that all the others are in.
  for (const one of config.preloaded) await preload(tre, config.id, one);
  const { k: kHex, op, opc: opcHex, ...rest } = initialMcimSchema.parse(JSON.parse(readTextFile(config.initialMcim)));
  const k = SecretKey.adopt(Buffer.from(kHex, 'hex'));
  const opc =
    opcHex === undefined ? opcFromOp(k, Buffer.from(op ?? '', 'hex')) : SecretKey.adopt(Buffer.from(opcHex, 'hex'));
  const mcim: Mcim = { ...rest, algorithm: 'milenage', k, opc };
  await tre.commission(mcim);
  k.erase();
  opc.erase();
}

async function preload(tre: Tre, m2meId: string, { sho, package: path, keySha256 }: M2meConfig['preloaded'][number]) {
  const octets = readOctets(path);
  const { signer, envelope } = await verifyPackage(octets);
  if (signer.spkiSha256 !== keySha256) {
    throw new GbaError('package-signer-unknown', `${path} is not signed by the key that the configuration names`);
  }
  const { mcim, ...inside } = await openPackage(envelope, tre.decryption);
  const verdict = acceptPreload({ ...inside, bsf: mcim.bsf, sho: mcim.sho }, sho, m2meId);
  if (verdict.ok) await tre.domain(sho).preload(mcim, toHex(packageDigest(octets)), keySha256);
  mcim.k.erase();
  mcim.opc.erase();
  if (!verdict.ok) throw new GbaError(verdict.reason, `${path} is no package for this machine`);
}

function readOctets(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GbaError('config-file-unreadable', `cannot read ${path}`, { cause });
  }
}
