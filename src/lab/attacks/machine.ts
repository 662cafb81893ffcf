import { packageDigest } from '../../mcim/index.ts';
import { encodeClaims, narrowToken, readToken } from '../../token/index.ts';
import { NAMES } from '../names.ts';
import type { Arena } from './forger.ts';
import { OTHER_MACHINE } from './forger.ts';
import type { Attack } from './run-attack.ts';

/** The RO keeps what it was sent, and pins keys for the offer it makes; what counts is that the machine takes nothing. */
export const HELD_BY_RO = ['delivery', 'package', 'open-delivery', 'delivery-of-order'];

/** One bit of the last octet. */
export function flipped(octets: Uint8Array): Buffer {
  const copy = Buffer.from(octets);
  copy.writeUInt8((copy.at(-1) ?? 0) ^ 1, copy.length - 1);
  return copy;
}

export interface Forged {
  boundToken: Uint8Array;
  packed: Uint8Array;
  /** What the RO hands out instead of the package. */
  octets?: Uint8Array;
}

/**
 * A delivery that the machine must refuse. It waits for a genuine release meanwhile; `by` says who forges: the new SHO over
 * step 6, or the RO itself.
 */
export function delivery(
  attack: Omit<Attack, 'run'> & { by: 'new-sho' | 'ro'; forge(arena: Arena, token: Buffer): Promise<Forged> },
  release: (arena: Arena) => Promise<Buffer> = (arena) => arena.release(),
): Attack {
  const { by, forge, ...rest } = attack;
  return {
    ...rest,
    aside: [...HELD_BY_RO, ...(attack.aside ?? [])],
    async run(arena) {
      const token = await release(arena);
      const { boundToken, packed, octets } = await forge(arena, token);
      await arena.instruct(token);
      await arena.mark();
      if (by === 'ro') await arena.plant(boundToken, packed, octets);
      else await arena.deliver(boundToken, packed);
      return await arena.machineRefusal();
    },
  };
}

/** The package and its bound token, both as they should be. */
async function good(arena: Arena, token: Uint8Array): Promise<Forged> {
  const packed = await arena.pack(token);
  return { packed, boundToken: arena.narrow(token, packed) };
}

/** Another token under the machine's bootstrap, that its owner announced to nobody. */
async function unannounced(arena: Arena, claims: Parameters<Arena['mint']>[1] = {}): Promise<Forged> {
  return await good(arena, await arena.mint(await arena.liveKey(NAMES.oldSho), claims));
}

export const MACHINE_ATTACKS: readonly Attack[] = [
  delivery({
    name: 'token-other-machine',
    title: 'The RO hands out a bound token that is for another machine',
    expect: 'token-wrong-machine',
    by: 'ro',
    forge: (arena) => unannounced(arena, { m2meId: OTHER_MACHINE }),
  }),
  delivery({
    name: 'token-expired',
    title: 'The RO hands out a bound token that has expired',
    expect: 'token-expired',
    by: 'ro',
    forge: (arena) => {
      const hour = Math.floor(arena.lab.options.clock.now() / 1000) * 1000 - 3_600_000;
      return unannounced(arena, { notBefore: hour - 3_600_000, notAfter: hour });
    },
  }),
  delivery({
    name: 'token-not-yet-valid',
    title: 'A bound token is used before its time',
    expect: 'token-not-yet-valid',
    by: 'new-sho',
    forge: (arena) => {
      const hour = Math.floor(arena.lab.options.clock.now() / 1000) * 1000 + 3_600_000;
      return unannounced(arena, { notBefore: hour, notAfter: hour + 3_600_000 });
    },
  }),
  delivery({
    name: 'package-unannounced',
    title: 'A package comes that the owner announced to nobody',
    expect: 'token-not-announced',
    by: 'new-sho',
    forge: (arena) => unannounced(arena),
  }),
  delivery({
    name: 'token-other-bootstrap',
    title: 'The bound token comes from the B-TID of another machine',
    expect: 'token-bootstrap-unknown',
    by: 'new-sho',
    async forge(arena) {
      const key = await arena.liveKey(NAMES.oldSho);
      return await good(arena, await arena.mint({ ...key, btid: `x${key.btid}` }));
    },
  }),
  delivery({
    name: 'claims-bit-flipped',
    title: 'One bit of the claims is flipped',
    expect: 'token-tag-mismatch',
    by: 'new-sho',
    async forge(arena, token) {
      const packed = await arena.pack(token);
      const read = readToken(token);
      const claims = { ...read.claims, releaseLock: flipped(read.claims.releaseLock) };
      const altered = { ...read, claims, claimsDer: encodeClaims(claims) };
      return { packed, boundToken: narrowToken(altered, packageDigest(packed), NAMES.newSho) };
    },
  }),
  delivery({
    name: 'tag0-bit-flipped',
    title: 'One bit of tag0 is flipped on its way to the new operator',
    expect: 'token-tag-mismatch',
    by: 'new-sho',
    // tag0 is the end of a token.
    forge: (arena, token) => good(arena, flipped(token)),
  }),
  delivery({
    name: 'tag1-bit-flipped',
    title: 'One bit of tag1 is flipped',
    expect: 'token-tag-mismatch',
    by: 'new-sho',
    async forge(arena, token) {
      const { packed, boundToken } = await good(arena, token);
      return { packed, boundToken: flipped(boundToken) };
    },
  }),
  delivery({
    name: 'package-swapped',
    title: 'The RO hands out other octets than it announced',
    expect: 'package-digest-mismatch',
    by: 'ro',
    async forge(arena, token) {
      const forged = await good(arena, token);
      return { ...forged, octets: flipped(forged.packed) };
    },
  }),
  delivery({
    name: 'package-swapped-announced',
    title: 'The RO announces and hands out a package of its own',
    expect: 'token-tag-mismatch',
    by: 'ro',
    async forge(arena, token) {
      const { boundToken } = await good(arena, token);
      return { boundToken, packed: await arena.pack(token, { signer: await arena.packageSigner(NAMES.stranger) }) };
    },
  }),
  delivery({
    name: 'package-by-stranger',
    title: "A package is signed by a stranger's key",
    expect: 'package-signer-unknown',
    by: 'new-sho',
    async forge(arena, token) {
      const packed = await arena.pack(token, { signer: await arena.packageSigner(NAMES.stranger) });
      return { packed, boundToken: arena.narrow(token, packed) };
    },
  }),
  delivery({
    name: 'package-other-tre',
    title: "A package is for another machine's TRE key",
    expect: 'package-recipient-wrong',
    by: 'new-sho',
    // Signed by the new SHO itself, it will never open: the token goes back, and that is all that changes.
    aside: ['m2me-change', 'release', 'open-release', 'outbox'],
    async forge(arena, token) {
      const recipientCertificate = await arena.treCertificate(OTHER_MACHINE);
      const packed = await arena.pack(token, { recipientCertificate });
      return { packed, boundToken: arena.narrow(token, packed) };
    },
  }),
  delivery({
    name: 'download-cut',
    title: 'The download is cut half-way',
    expect: 'package-unavailable',
    by: 'ro',
    async forge(arena, token) {
      const forged = await good(arena, token);
      return { ...forged, octets: forged.packed.subarray(0, forged.packed.length >> 1) };
    },
  }),
];
