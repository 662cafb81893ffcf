import { signInstruction } from '../../owner/index.ts';
import { makeInstruction, readToken } from '../../token/index.ts';
import { type ChangeWish, createOwner } from '../change.ts';
import { NAMES } from '../names.ts';
import { type Arena, OTHER_MACHINE } from './forger.ts';
import { flipped } from './machine.ts';
import { type Attack, codeFrom } from './run-attack.ts';

/** A subscriber of the same operator, with a certificate of its own and no right to this machine. */
const OTHER_OWNER = 'other-owner.test';
const CHANGE_MS = 20_000;

/** Owner's number far above all that the arena gives by itself. */
const later = (arena: Arena, by = 0): number => arena.lab.options.clock.now() + 1_000_000 + by;

async function wishOf(arena: Arena, id: string = NAMES.newSho) {
  const keys = await (await arena.operator(NAMES.owner, 'new-sho')).signingKeys();
  return { m2meId: arena.m2meId, newSho: { ...keys, id }, roId: NAMES.ro };
}

async function orderOf(arena: Arena, token: Uint8Array, m2meId = arena.m2meId): Promise<string> {
  const newSho = await arena.operator(NAMES.owner, 'new-sho');
  return await codeFrom(() => newSho.order({ m2meId, roId: NAMES.ro, pvaId: NAMES.pva, token }));
}

export const OWNER_ATTACKS: readonly Attack[] = [
  {
    name: 'release-by-stranger',
    title: 'Somebody who does not own the machine orders its release',
    expect: 'not-owner',
    async run(arena) {
      await arena.release();
      const wish = await wishOf(arena);
      const oldSho = await arena.operator(NAMES.stranger, 'old-sho');
      await arena.mark();
      return await codeFrom(() => oldSho.release(wish));
    },
  },
  {
    name: 'instruction-forged',
    title: "One bit of an owner's instruction is flipped",
    expect: 'instruction-invalid',
    async run(arena) {
      const token = await arena.release();
      const instruction = await signInstruction(await arena.ownerSigner(), token, later(arena));
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(flipped(instruction)));
    },
  },
  {
    name: 'instruction-other-owner',
    title: 'The owner of other machines instructs this one',
    expect: 'instruction-not-owner',
    async run(arena) {
      const token = await arena.release();
      const instruction = await signInstruction(await arena.ownerSigner(OTHER_OWNER), token, later(arena));
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(instruction));
    },
  },
  {
    name: 'instruction-other-machine',
    title: "The owner's instruction for another machine is brought to this one",
    expect: 'instruction-wrong-machine',
    async run(arena) {
      const { claimsDer } = readToken(await arena.release());
      const fields = { m2meId: OTHER_MACHINE, number: later(arena), kind: 'change', announced: claimsDer } as const;
      const instruction = await makeInstruction(fields, await arena.ownerSigner());
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(instruction));
    },
  },
  {
    name: 'instruction-replayed',
    title: "The owner's instruction is brought once more",
    expect: 'instruction-replayed',
    async run(arena) {
      const token = await arena.release();
      const instruction = await signInstruction(await arena.ownerSigner(), token, later(arena));
      await arena.machine.instruct(instruction);
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(instruction));
    },
  },
  {
    name: 'instruction-expired-token',
    title: 'An instruction announces a token that has expired',
    expect: 'token-expired',
    async run(arena) {
      const hour = Math.floor(arena.lab.options.clock.now() / 1000) * 1000 - 3_600_000;
      const key = await arena.liveKey(NAMES.oldSho);
      const token = await arena.mint(key, { notBefore: hour - 3_600_000, notAfter: hour });
      await arena.mark();
      return await codeFrom(() => arena.instruct(token));
    },
  },
  {
    name: 'token-returned',
    title: 'A token that the owner took back is announced again',
    expect: 'token-returned',
    async run(arena) {
      const token = await arena.release();
      const signer = await arena.ownerSigner();
      await arena.instruct(token);
      await arena.machine.instruct(await signInstruction(signer, token, later(arena), 'cancel'));
      const again = await signInstruction(signer, token, later(arena, 1));
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(again));
    },
    // The RO has no delivery to refuse; the machine tells it again until the token has run out.
    aside: ['outbox'],
  },
  {
    name: 'serial-spent',
    title: 'The token of a finished change is announced again',
    expect: 'token-serial-spent',
    async run(arena) {
      const token = await changed(arena);
      const again = await signInstruction(await arena.ownerSigner(), token, later(arena));
      await arena.mark();
      return await codeFrom(() => arena.machine.instruct(again));
    },
  },
  {
    name: 'serial-ordered-again',
    title: 'Another owner orders with a token that was ordered with',
    expect: 'token-serial-spent',
    async run(arena) {
      const token = await arena.release();
      await orderOf(arena, token);
      const other = await arena.operator(OTHER_OWNER, 'new-sho');
      await arena.mark();
      const wish = { m2meId: arena.m2meId, roId: NAMES.ro, pvaId: NAMES.pva, token };
      return await codeFrom(() => other.order(wish));
    },
  },
  {
    name: 'order-other-machine',
    title: 'A machine is ordered with the token of another',
    expect: 'token-wrong-machine',
    async run(arena) {
      const token = await arena.release();
      await arena.mark();
      return await orderOf(arena, token, OTHER_MACHINE);
    },
  },
  {
    name: 'token-other-new-sho',
    title: 'A machine is ordered with a token for another new operator',
    expect: 'token-wrong-audience',
    async run(arena) {
      const token = await arena.release('sho-c.test');
      await arena.mark();
      return await orderOf(arena, token);
    },
  },
];

/** A whole change by the lab's owner; gives the token it used up. */
export async function changed(arena: Arena, wish: ChangeWish = {}): Promise<Buffer> {
  const owner = await createOwner(arena.lab);
  try {
    await owner.change(arena.m2meId, CHANGE_MS, wish);
    return Buffer.from(owner.journal.of(arena.m2meId).token ?? '', 'base64');
  } finally {
    await owner.close();
  }
}
