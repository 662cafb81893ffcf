import { packageDigest } from '../../mcim/index.ts';
import { narrowToken, readToken } from '../../token/index.ts';
import { NAMES } from '../names.ts';
import type { Arena } from './forger.ts';
import { HELD_BY_RO } from './machine.ts';
import { type Attack, codeFrom } from './run-attack.ts';

/** A delivery without octets: the machine is to have the package of this digest. */
function stored(name: string, title: string, expect: string, digestOf: (arena: Arena) => Promise<Buffer>): Attack {
  return {
    name,
    title,
    expect,
    lab: { bothPresent: true },
    aside: HELD_BY_RO,
    async run(arena) {
      const token = await arena.release();
      const digest = await digestOf(arena);
      await arena.instruct(token);
      const ro = await arena.link(NAMES.newSho, 'ro');
      await arena.mark();
      const boundToken = narrowToken(readToken(token), digest, NAMES.newSho).toString('base64');
      const json = { orderId: `stored-${name}`, m2meId: arena.m2meId, boundToken, digest: digest.toString('hex') };
      await ro.call('POST', '/sho/v1/deliveries', { json });
      return await arena.machineRefusal();
    },
  };
}

export const SLOT_ATTACKS: readonly Attack[] = [
  stored(
    'slot-not-there',
    'A token is bound to a stored package that the machine does not have',
    'package-not-present',
    async () => Buffer.alloc(32, 0xab),
  ),
  stored(
    'slot-in-use',
    "A token is bound to the old operator's subscription, as if it were one in waiting",
    'package-not-present',
    async (arena) => packageDigest(await arena.pack(await arena.release())),
  ),
  {
    name: 'preload-by-stranger',
    title: 'Somebody who is not the operator has a subscription packed for a machine',
    expect: 'forbidden',
    lab: { bothPresent: true },
    async run(arena) {
      const newSho = await arena.link(NAMES.oldSho, 'new-sho');
      await arena.mark();
      const json = { m2meId: 'm2me-x', treCertificate: (await arena.treCertificate('m2me-x')).toString('base64') };
      return await codeFrom(() => newSho.call('POST', '/operator/v1/preloads', { json }));
    },
  },
  {
    name: 'slot-of-nobody-ordered',
    title: 'The stored subscription of a machine that has none is ordered',
    expect: 'preload-unknown',
    async run(arena) {
      const token = await arena.release();
      const newSho = await arena.operator(NAMES.owner, 'new-sho');
      await arena.mark();
      const wish = { m2meId: arena.m2meId, roId: NAMES.ro, pvaId: NAMES.pva, token, bothPresent: true };
      return await codeFrom(() => newSho.order(wish));
    },
  },
];
