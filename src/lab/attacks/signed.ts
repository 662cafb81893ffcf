import { signInstruction, signingRequest } from '../../owner/index.ts';
import {
  makeConsent,
  makeInstruction,
  openToken,
  orderFormOf,
  signReturn,
  signUnregistration,
} from '../../token/index.ts';
import { NAMES } from '../names.ts';
import { type Arena, OTHER_MACHINE } from './forger.ts';
import { changed } from './owner.ts';
import { type Attack, codeFrom } from './run-attack.ts';
import { deviceOf, forgedDevice, hourFrom, mintSigned, releaseSigned, revoke } from './signed-arena.ts';
import { SIGNED_DELIVERIES } from './signed-deliveries.ts';

const HOUR = 3_600_000;
const OTHER_OWNER = 'other-owner.test';

function instruction(name: string, title: string, expect: string, make: (arena: Arena) => Promise<Buffer>): Attack {
  return {
    name,
    title,
    expect,
    async run(arena) {
      const bytes = await make(arena);
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(bytes));
    },
  };
}

const announce = async (arena: Arena, token: Uint8Array): Promise<Buffer> =>
  signInstruction(await arena.ownerSigner(), token, arena.nextNumber());

const INSTRUCTIONS: readonly Attack[] = [
  instruction(
    'signed-without-old-sho',
    "The machine's signature is announced without the old operator's",
    'token-countersignature-missing',
    async (arena) => announce(arena, orderFormOf(await releaseSigned(arena))),
  ),
  instruction(
    'signed-countersigned-by-stranger',
    'A stranger countersigns in the place of the old operator',
    'token-countersigner-untrusted',
    async (arena) => announce(arena, await mintSigned(arena, { operator: await arena.packageSigner(NAMES.stranger) })),
  ),
  instruction(
    'signed-countersigned-by-new-sho',
    'The new operator countersigns in the place of the old one',
    'token-countersigner-untrusted',
    async (arena) => announce(arena, await mintSigned(arena, { operator: await arena.packageSigner(NAMES.newSho) })),
  ),
  instruction(
    'signed-by-other-device',
    "The claims are signed by another machine's device key",
    'token-device-unknown',
    async (arena) => announce(arena, await mintSigned(arena, { device: await deviceOf(arena, OTHER_MACHINE) })),
  ),
  instruction(
    'signing-by-other-owner',
    'The owner of other machines asks this one to sign claims',
    'instruction-not-owner',
    async (arena) => {
      const { claimsDer } = await openToken(await mintSigned(arena));
      const owner = await arena.ownerSigner(OTHER_OWNER);
      return await signingRequest(owner, arena.m2meId, claimsDer, arena.nextNumber());
    },
  ),
  instruction(
    'signing-other-machine',
    "The machine is asked to sign another machine's claims",
    'token-wrong-machine',
    async (arena) => {
      const { claimsDer } = await openToken(await mintSigned(arena, { claims: { m2meId: OTHER_MACHINE } }));
      return await signingRequest(await arena.ownerSigner(), arena.m2meId, claimsDer, arena.nextNumber());
    },
  ),
  instruction(
    'signed-instruction-other-machine',
    "The owner's instruction for another machine brings a signed token to this one",
    'instruction-wrong-machine',
    async (arena) => {
      const announced = await releaseSigned(arena);
      const fields = { m2meId: OTHER_MACHINE, number: arena.nextNumber(), kind: 'change', announced } as const;
      return await makeInstruction(fields, await arena.ownerSigner());
    },
  ),
  instruction(
    'signed-instruction-expired-token',
    'An instruction announces a signed token that has expired',
    'token-expired',
    async (arena) => {
      const claims = { notBefore: hourFrom(arena, -2), notAfter: hourFrom(arena, -1) };
      return await announce(arena, await mintSigned(arena, { claims }));
    },
  ),
  {
    name: 'signed-token-returned',
    title: 'A signed token that the owner took back is announced again',
    expect: 'token-returned',
    async run(arena) {
      const token = await releaseSigned(arena);
      const signer = await arena.ownerSigner();
      await arena.instruct(token);
      await arena.machine.instruct(await signInstruction(signer, token, arena.nextNumber(), 'cancel'));
      const again = await announce(arena, token);
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(again));
    },
    aside: ['outbox'],
  },
  {
    name: 'signed-serial-spent',
    title: 'The signed token of a finished change is announced again',
    expect: 'token-serial-spent',
    async run(arena) {
      const token = await changed(arena, { variant: 'signed' });
      const again = await signInstruction(await arena.ownerSigner(), token, arena.lab.options.clock.now() + 1_000_000);
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(again));
    },
  },
];

function order(name: string, title: string, expect: string, make: (arena: Arena) => Promise<Buffer>): Attack {
  return {
    name,
    title,
    expect,
    async run(arena) {
      const token = await make(arena);
      const newSho = await arena.operator(NAMES.owner, 'new-sho');
      await arena.mark();
      const wish = { m2meId: arena.m2meId, roId: NAMES.ro, pvaId: NAMES.pva, token };
      return await codeFrom(() => newSho.order(wish));
    },
  };
}

const ORDERS: readonly Attack[] = [
  order(
    'signed-wrong-chain',
    "The claims are signed by a key that no manufacturer certified, under the machine's name",
    'certificate-untrusted',
    async (arena) => mintSigned(arena, { device: await forgedDevice(arena, 'stranger') }),
  ),
  order('signed-expired-certificate', 'The device certificate has expired', 'certificate-expired', async (arena) => {
    const endsAt = arena.lab.options.clock.now() - HOUR;
    return await mintSigned(arena, { device: await forgedDevice(arena, 'manufacturer', endsAt) });
  }),
  order(
    'signed-revoked-certificate',
    'The device certificate has been revoked by its manufacturer',
    'certificate-revoked',
    async (arena) => {
      const device = await forgedDevice(arena, 'manufacturer');
      await revoke(arena, device);
      return await mintSigned(arena, { device });
    },
  ),
  order(
    'signed-certificate-other-machine',
    "A machine is ordered with claims that another machine's device signed",
    'certificate-wrong-subject',
    async (arena) => mintSigned(arena, { device: await deviceOf(arena, OTHER_MACHINE) }),
  ),
  order(
    'signed-token-other-new-sho',
    'A machine is ordered with a signed token for another new operator',
    'token-wrong-audience',
    async (arena) => mintSigned(arena, { claims: { newSho: { id: 'sho-c.test', keyHashes: [Buffer.alloc(32)] } } }),
  ),
  order(
    'signed-consent-bit-flipped',
    "One bit of the machine's signature is flipped on its way to the new operator",
    'token-signature-invalid',
    async (arena) => {
      // Without its countersignature, the token ends in the machine's signature and an empty octet string.
      const form = orderFormOf(await mintSigned(arena));
      const broken = Buffer.from(form);
      broken.writeUInt8((broken.at(-3) ?? 0) ^ 1, broken.length - 3);
      return broken;
    },
  ),
];

const CONSENTS: readonly Attack[] = [
  {
    name: 'consent-by-other-machine',
    title: "The old operator is shown another machine's signature over the claims",
    expect: 'token-device-unknown',
    async run(arena) {
      const { oldSho, serial, claims } = await composed(arena);
      const signature = await makeConsent(claims, await deviceOf(arena, OTHER_MACHINE));
      await arena.mark();
      return await codeFrom(() => oldSho.consent(serial, signature));
    },
  },
  {
    name: 'consent-to-other-claims',
    title: "The old operator is shown the machine's signature over other claims",
    expect: 'token-signature-invalid',
    async run(arena) {
      const { oldSho, serial } = await composed(arena);
      const { claimsDer } = await openToken(await mintSigned(arena));
      const signature = await makeConsent(claimsDer, await deviceOf(arena));
      await arena.mark();
      return await codeFrom(() => oldSho.consent(serial, signature));
    },
  },
];

/** A release of the signed variant that waits for the machine's signature. */
async function composed(arena: Arena) {
  const oldSho = await arena.operator(NAMES.owner, 'old-sho');
  const keys = await (await arena.operator(NAMES.owner, 'new-sho')).signingKeys();
  const wish = { m2meId: arena.m2meId, newSho: keys, roId: NAMES.ro, variant: 'signed' } as const;
  return { oldSho, ...(await arena.patiently(() => oldSho.release(wish))) };
}

function unregistration(
  name: string,
  title: string,
  forge: (arena: Arena, fields: Parameters<typeof signUnregistration>[0]) => Promise<Buffer>,
): Attack {
  return {
    name,
    title,
    expect: 'unregistration-invalid',
    async run(arena) {
      const { serial } = (await openToken(await releaseSigned(arena))).claims;
      const { clock, random } = arena.lab.options;
      const fields = { serial, m2meId: arena.m2meId, discardedAt: clock.now(), discardRecord: random.bytes(32) };
      const bytes = await forge(arena, fields);
      const oldSho = await arena.link(undefined, 'old-sho-ua');
      await arena.mark();
      return await codeFrom(() => oldSho.call('POST', '/m2me/v1/unregistrations', { bytes }));
    },
  };
}

const ENDINGS: readonly Attack[] = [
  unregistration(
    'signed-unregistration-forged',
    "An unregistration is signed by a key that only claims the machine's name",
    async (arena, fields) => signUnregistration(fields, await forgedDevice(arena, 'stranger')),
  ),
  unregistration(
    'signed-unregistration-by-new-sho',
    'The new operator unregisters a machine that has discarded nothing',
    async (arena, fields) => signUnregistration(fields, await arena.packageSigner(NAMES.newSho)),
  ),
  unregistration(
    'signed-unregistration-other-machine',
    'A signed unregistration names another machine',
    async (arena, fields) => signUnregistration({ ...fields, m2meId: OTHER_MACHINE }, await deviceOf(arena)),
  ),
  unregistration(
    'signed-unregistration-replayed',
    'A signed unregistration is sent again with another discard record',
    async (arena, fields) => {
      const oldSho = await arena.link(undefined, 'old-sho-ua');
      const device = await deviceOf(arena);
      const bytes = await signUnregistration(fields, device);
      await oldSho.call('POST', '/m2me/v1/unregistrations', { bytes });
      return await signUnregistration({ ...fields, discardRecord: Buffer.alloc(32) }, device);
    },
  ),
  {
    name: 'signed-return-forged',
    title: 'A return of a signed token is signed by a stranger',
    expect: 'return-invalid',
    async run(arena) {
      const { serial } = (await openToken(await releaseSigned(arena))).claims;
      const fields = { serial, m2meId: arena.m2meId, reason: 'cancelled' };
      const bytes = await signReturn(fields, await forgedDevice(arena, 'stranger'));
      const oldSho = await arena.link(undefined, 'old-sho-ua');
      await arena.mark();
      return await codeFrom(() => oldSho.call('POST', '/m2me/v1/returns', { bytes }));
    },
  },
];

export const SIGNED_ATTACKS: readonly Attack[] = [
  ...SIGNED_DELIVERIES,
  ...INSTRUCTIONS,
  ...ORDERS,
  ...CONSENTS,
  ...ENDINGS,
];
