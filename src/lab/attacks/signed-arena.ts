import { writeFileSync } from 'node:fs';
import { fromBase64, fromHex, GbaError } from '../../base/index.ts';
import { readTextFile } from '../../http/index.ts';
import { signingRequest } from '../../owner/index.ts';
import { type Claims, countersign, encodeClaims, makeConsent, openToken } from '../../token/index.ts';
import {
  generateKeyPair,
  issueCertificate,
  issueCrl,
  loadSigner,
  readCertificate,
  type Signer,
  serialNumberOf,
  spkiSha256,
  toPem,
} from '../../x509/index.ts';
import { NAMES } from '../names.ts';
import type { Arena } from './forger.ts';

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;

export const hourFrom = (arena: Arena, hours: number): number =>
  Math.floor(arena.lab.options.clock.now() / 1000) * 1000 + hours * HOUR;

/** Device key and certificate of a machine of the lab's manufacturer. */
export async function deviceOf(arena: Arena, m2meId: string = arena.m2meId): Promise<Signer> {
  const { cert, key } = (await arena.lab.pki.machine(m2meId)).device;
  return loadSigner({ cert: readTextFile(cert), key: readTextFile(key) });
}

/** A device certificate for this machine's name that nobody should believe. */
export async function forgedDevice(arena: Arena, by: 'stranger' | 'manufacturer', endsAt?: number): Promise<Signer> {
  const { lab } = arena;
  const now = lab.options.clock.now();
  const { privateKey, publicKey } = generateKeyPair();
  const stranger = generateKeyPair().privateKey;
  const issuer = by === 'stranger' ? { selfSigned: stranger } : manufacturerOf(arena);
  const certificate = await issueCertificate({
    subject: arena.m2meId,
    publicKey,
    issuer,
    usage: 'sign',
    notBefore: now - YEAR,
    notAfter: endsAt ?? now + YEAR,
    serial: lab.options.random.bytes(16),
  });
  return { key: privateKey, certificate };
}

/** The manufacturer revokes a device: its list is replaced by one that says so. */
export async function revoke(arena: Arena, device: Signer): Promise<void> {
  const now = arena.lab.options.clock.now();
  const revoked = [{ serialNumber: serialNumberOf(readCertificate(device.certificate)), at: now - HOUR }];
  const times = { thisUpdate: now - HOUR, nextUpdate: now + YEAR };
  const list = issueCrl({ issuer: manufacturerOf(arena), ...times, number: 2, revoked });
  writeFileSync(arena.lab.pki.crl, toPem(list, 'X509 CRL'));
}

function manufacturerOf({ lab }: Arena): Signer {
  const key = lab.pki.manufacturer.replace(/\.pem$/, '-key.pem');
  return loadSigner({ cert: readTextFile(lab.pki.manufacturer), key: readTextFile(key) });
}

/** A genuine token of the signed variant, ordered by the owner; `claims` is what the machine signed. */
export async function releaseSigned(arena: Arena): Promise<Buffer> {
  const oldSho = await arena.operator(NAMES.owner, 'old-sho');
  const keys = await (await arena.operator(NAMES.owner, 'new-sho')).signingKeys();
  const wish = { m2meId: arena.m2meId, newSho: keys, roId: NAMES.ro, variant: 'signed' } as const;
  const { serial, claims } = await arena.patiently(() => oldSho.release(wish));
  const request = await signingRequest(await arena.ownerSigner(), arena.m2meId, claims, arena.nextNumber());
  const { signature = '' } = await arena.machine.instruct(request);
  const { token } = await oldSho.consent(serial, fromBase64(signature));
  if (token === undefined) throw new GbaError('arena-stuck', 'a release without a token');
  return token;
}

export interface Mint {
  claims?: Partial<Claims>;
  /** Signs the claims; default: the machine's device key. */
  device?: Signer;
  /** Countersigns; default: the old SHO. */
  operator?: Signer;
}

/** A token as machine and old SHO would make it together, or as somebody else would. */
export async function mintSigned(arena: Arena, mint: Mint = {}): Promise<Buffer> {
  const { clock, random } = arena.lab.options;
  const { id, keyHashes } = await (await arena.operator(NAMES.owner, 'new-sho')).signingKeys();
  const device = mint.device ?? (await deviceOf(arena));
  const now = Math.floor(clock.now() / 1000) * 1000;
  const claimsDer = encodeClaims({
    version: 1,
    serial: random.bytes(16),
    bootstrap: { device: spkiSha256(device.key) },
    m2meId: arena.m2meId,
    newSho: { id, keyHashes: keyHashes.map((hash) => fromHex(hash, 32)) },
    roId: NAMES.ro,
    permissions: { install: true, unregister: true },
    notBefore: now,
    notAfter: now + HOUR,
    releaseLock: random.bytes(32),
    ...mint.claims,
  });
  const operator = mint.operator ?? (await arena.packageSigner(NAMES.oldSho));
  return await countersign(claimsDer, await makeConsent(claimsDer, device), operator);
}

/** As the new SHO narrows a token, or as `by` would. */
export async function narrowSigned(arena: Arena, token: Uint8Array, digest: Uint8Array, by?: Signer): Promise<Buffer> {
  const { narrow } = await openToken(token);
  return await narrow(digest, by ?? (await arena.packageSigner(NAMES.newSho)));
}
