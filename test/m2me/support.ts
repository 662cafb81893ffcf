import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSealer, SecretKey, systemRandom } from '../../src/base/index.ts';
import { createDurableFiles, type Disk, openTre, type Tre } from '../../src/m2me/tre/index.ts';
import type { Mcim } from '../../src/mcim/index.ts';
import { deriveTokenKeys } from '../../src/token/index.ts';
import type { Signer } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { fill } from '../support/claims.ts';

export const M2ME = 'm2me-0001';
export const START = Date.UTC(2027, 0, 1);
export const SERIAL = 'a0'.repeat(16);

/** TS 35.208 test sets 1 and 3: K and OPc in hexadecimal. */
export const SET_1 = { k: '465b5ce8b199b49faa5f0a2ee238a6bc', opc: 'cd63cb71954a9f4e48a5994e37a02baf' };
export const SET_3 = { k: 'fec86ba6eb707ed08905757b1bb44b8f', opc: '1006020f0a478bf6b699f15c062e42b3' };

const key = (hex: string) => SecretKey.adopt(Buffer.from(hex, 'hex'));

export function mcimA(change: Partial<Mcim> = {}): Mcim {
  return {
    impi: '001010123456789@ims.mnc001.mcc001.3gppnetwork.org',
    algorithm: 'milenage',
    k: key(SET_1.k),
    opc: key(SET_1.opc),
    indBits: 5,
    bsf: { fqdn: 'bsf.sho-a.test', url: 'http://127.0.0.1:1' },
    sho: { id: 'sho-a.test', url: 'https://127.0.0.1:1' },
    ...change,
  };
}

export function mcimB(change: Partial<Mcim> = {}): Mcim {
  return {
    impi: '001020987654321@ims.mnc002.mcc001.3gppnetwork.org',
    algorithm: 'milenage',
    k: key(SET_3.k),
    opc: key(SET_3.opc),
    indBits: 5,
    bsf: { fqdn: 'bsf.sho-b.test', url: 'http://127.0.0.1:1' },
    sho: { id: 'sho-b.test', url: 'https://127.0.0.1:1' },
    ...change,
  };
}

let keys: Promise<{ device: Signer; decryption: Signer }> | undefined;

export function machineKeys() {
  keys ??= makeAuthority('Maker CA').then(async (authority) => ({
    device: await makeSigner(M2ME, authority),
    decryption: await makeSigner(`${M2ME} TRE`, authority, 'encrypt'),
  }));
  return keys;
}

export interface TestTre {
  tre: Tre;
  directory: string;
  time: { now: number };
  /** Opens the same directory anew, as after a power cut. */
  reopen(disk?: Disk): Promise<Tre>;
}

export async function makeTre(
  options: { commissioned?: boolean; directory?: string; disk?: Disk } = {},
): Promise<TestTre> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'gba-tre-'));
  const { device, decryption } = await machineKeys();
  const time = { now: START };
  const root = SecretKey.copyOf(fill(7));
  const reopen = (disk = options.disk) =>
    openTre({
      directory,
      files: createDurableFiles(disk),
      m2meId: M2ME,
      root: createSealer(root, systemRandom),
      clock: { now: () => time.now },
      random: systemRandom,
      device,
      decryption: { key: decryption.key, certificate: decryption.certificate },
    });
  const tre = await reopen();
  if (options.commissioned !== false) await tre.commission(mcimA());
  return { tre, directory, time, reopen };
}

/** A context as after a bootstrapping, with a recognisable Ks. */
export async function keepContext(tre: Tre, octet: number, expiresAt: number): Promise<{ btid: string; ks: Buffer }> {
  const rand = fill(octet, 16);
  const btid = `${rand.toString('base64')}@bsf.sho-a.test`;
  const ks = fill(octet, 32);
  await tre.keepContext(
    { btid, rand: rand.toString('hex'), impi: mcimA().impi, bsf: 'bsf.sho-a.test', expiresAt },
    SecretKey.copyOf(ks),
    false,
  );
  return { btid, ks };
}

export const tokenKeys = () => deriveTokenKeys(SecretKey.copyOf(fill(9)), Buffer.from(SERIAL, 'hex'));

/** Everything in the files of a directory, to look for secrets in. */
export function allOctets(directory: string): Buffer {
  return Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name))));
}

/** True when `secret` stands in `octets` as it is, in hexadecimal, or in base64. */
export function holds(octets: Buffer, secret: Buffer): boolean {
  const text = octets.toString('latin1').toLowerCase();
  return (
    octets.includes(secret) ||
    text.includes(secret.toString('hex')) ||
    octets.includes(Buffer.from(secret.toString('base64').replace(/=+$/, '').slice(0, -1)))
  );
}
