import { packageDigest } from '../../mcim/index.ts';
import { type Claims, openToken } from '../../token/index.ts';
import type { Signer } from '../../x509/index.ts';
import { NAMES } from '../names.ts';
import { type Arena, OTHER_MACHINE } from './forger.ts';
import { delivery, type Forged, flipped } from './machine.ts';
import { type Attack, codeFrom } from './run-attack.ts';
import { deviceOf, hourFrom, mintSigned, narrowSigned, releaseSigned } from './signed-arena.ts';

async function packed(arena: Arena, token: Uint8Array, by: Parameters<Arena['pack']>[1] = {}): Promise<Forged> {
  const octets = await arena.pack(token, by);
  return { packed: octets, boundToken: await narrowSigned(arena, token, packageDigest(octets)) };
}

const minted = async (arena: Arena, claims: Partial<Claims> = {}, device?: Signer): Promise<Forged> =>
  await packed(arena, await mintSigned(arena, { claims, ...(device && { device }) }));

/** The twin of a delivery that the machine must refuse, while it waits for a genuine release of the signed variant. */
const twin = (attack: Parameters<typeof delivery>[0]): Attack => delivery(attack, releaseSigned);

const HANDED_OUT: readonly Attack[] = [
  twin({
    name: 'signed-token-other-machine',
    title: 'The RO hands out a signed token that is for another machine',
    expect: 'token-wrong-machine',
    by: 'ro',
    forge: (arena) => minted(arena, { m2meId: OTHER_MACHINE }),
  }),
  twin({
    name: 'signed-token-expired',
    title: 'The RO hands out a signed token that has expired',
    expect: 'token-expired',
    by: 'ro',
    forge: (arena) => minted(arena, { notBefore: hourFrom(arena, -2), notAfter: hourFrom(arena, -1) }),
  }),
  twin({
    name: 'signed-token-not-yet-valid',
    title: 'A signed token is used before its time',
    expect: 'token-not-yet-valid',
    by: 'new-sho',
    forge: (arena) => minted(arena, { notBefore: hourFrom(arena, 1), notAfter: hourFrom(arena, 2) }),
  }),
  twin({
    name: 'signed-package-unannounced',
    title: 'A package comes under a signed token that the owner announced to nobody',
    expect: 'token-not-announced',
    by: 'new-sho',
    forge: (arena) => minted(arena),
  }),
  twin({
    name: 'signed-wrong-key',
    title: "The claims name, and are signed by, another machine's device key",
    expect: 'token-bootstrap-unknown',
    by: 'new-sho',
    forge: async (arena) => await minted(arena, {}, await deviceOf(arena, OTHER_MACHINE)),
  }),
  twin({
    name: 'signed-claims-changed',
    title: 'The new operator narrows other claims than the machine signed, under the same serial',
    expect: 'token-claims-differ',
    by: 'new-sho',
    async forge(arena, token) {
      const { serial } = (await openToken(token)).claims;
      return await minted(arena, { serial, releaseLock: Buffer.alloc(32, 1) });
    },
  }),
  twin({
    name: 'signed-narrowed-by-stranger',
    title: "A stranger narrows a stolen token to the new operator's package",
    expect: 'token-tag-mismatch',
    by: 'new-sho',
    async forge(arena, token) {
      const octets = await arena.pack(token);
      const stranger = await arena.packageSigner(NAMES.stranger);
      return { packed: octets, boundToken: await narrowSigned(arena, token, packageDigest(octets), stranger) };
    },
  }),
  twin({
    name: 'signed-package-swapped',
    title: 'The RO hands out other octets than the signed token is narrowed to',
    expect: 'package-digest-mismatch',
    by: 'ro',
    async forge(arena, token) {
      const good = await packed(arena, token);
      return { ...good, octets: flipped(good.packed) };
    },
  }),
  twin({
    name: 'signed-package-swapped-announced',
    title: 'The RO announces a package of its own under a signed token',
    expect: 'token-tag-mismatch',
    by: 'ro',
    async forge(arena, token) {
      const { boundToken } = await packed(arena, token);
      return { boundToken, packed: await arena.pack(token, { signer: await arena.packageSigner(NAMES.stranger) }) };
    },
  }),
  twin({
    name: 'signed-package-by-stranger',
    title: "The new operator narrows a signed token to a stranger's package",
    expect: 'package-signer-unknown',
    by: 'new-sho',
    forge: async (arena, token) => packed(arena, token, { signer: await arena.packageSigner(NAMES.stranger) }),
  }),
  twin({
    name: 'signed-package-other-tre',
    title: "A package under a signed token is for another machine's TRE key",
    expect: 'package-recipient-wrong',
    by: 'new-sho',
    aside: ['m2me-change', 'release', 'open-release', 'outbox'],
    forge: async (arena, token) =>
      packed(arena, token, { recipientCertificate: await arena.treCertificate(OTHER_MACHINE) }),
  }),
];

/** The narrowing itself is broken: the RO notices already, as it reads the token. */
const NARROWING: Attack = {
  name: 'signed-narrowing-bit-flipped',
  title: "One bit of the new operator's signature is flipped on the way to the RO",
  expect: 'token-signature-invalid',
  async run(arena) {
    const { packed: octets, boundToken } = await packed(arena, await releaseSigned(arena));
    await arena.mark();
    return await codeFrom(() => arena.deliver(flipped(boundToken), octets));
  },
};

export const SIGNED_DELIVERIES: readonly Attack[] = [...HANDED_OUT, NARROWING];
