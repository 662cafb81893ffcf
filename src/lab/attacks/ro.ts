import { createHmac } from 'node:crypto';
import { GbaError, SecretKey, toHex } from '../../base/index.ts';
import { packageDigest } from '../../mcim/index.ts';
import {
  deriveRoKeys,
  deriveTokenKeys,
  makeRelay,
  makeUnregistration,
  meansBootstrap,
  readToken,
  type Unregistration,
} from '../../token/index.ts';
import { derInteger, derOctets, derSequence, derText, encodeDer } from '../../x509/index.ts';
import { NAMES } from '../names.ts';
import { type Arena, OTHER_MACHINE } from './forger.ts';
import { type Attack, codeFrom } from './run-attack.ts';

const UNREGISTRATIONS = '/m2me/v1/unregistrations';
const ACKNOWLEDGEMENTS = '/m2me/v1/acknowledgements';
const MESSAGE_11 = 11;

/** A delivery that the RO has offered and the machine could not fetch: the RO waits for step 11 with its keys pinned. */
async function offered(arena: Arena) {
  const token = await arena.release();
  const ro = await arena.liveKey(NAMES.ro);
  const packed = await arena.pack(token);
  await arena.instruct(token);
  const half = packed.subarray(0, packed.length >> 1);
  const orderId = await arena.plant(arena.narrow(token, packed), packed, half);
  await arena.machineRefusal();
  const { serial } = readToken(token).claims;
  const record = await arena.lab.stores.get(NAMES.ro)?.get<{ pins: { btid: string }[] }>('delivery', toHex(serial));
  if (!record?.value.pins.some(({ btid }) => btid === ro.btid)) {
    throw new GbaError('arena-stuck', 'the RO has pinned keys of another bootstrap');
  }
  return { orderId, serial, keys: deriveRoKeys(ro.ksNaf, serial) };
}

/** A release with the keys that the machine shares with the old SHO for it. */
async function released(arena: Arena) {
  const { btid, ksNaf } = await arena.liveKey(NAMES.oldSho);
  const token = readToken(await arena.release());
  const { serial } = token.claims;
  if (!meansBootstrap(token.claims, btid, ksNaf)) throw new GbaError('arena-stuck', 'not the bootstrap of the release');
  const fields: Unregistration = {
    serial,
    m2meId: arena.m2meId,
    discardedAt: arena.lab.options.clock.now(),
    discardRecord: arena.lab.options.random.bytes(32),
  };
  return { token, fields, keys: deriveTokenKeys(ksNaf, serial) };
}

/** An unregistration that the old SHO must refuse, over TLS without Digest: its MAC is what counts. */
function unregistration(
  name: string,
  title: string,
  forge: (release: Awaited<ReturnType<typeof released>>, arena: Arena) => Promise<Buffer>,
): Attack {
  return {
    name,
    title,
    expect: 'unregistration-invalid',
    async run(arena) {
      const bytes = await forge(await released(arena), arena);
      const oldSho = await arena.link(undefined, 'old-sho-ua');
      await arena.mark();
      return await codeFrom(() => oldSho.call('POST', UNREGISTRATIONS, { bytes }));
    },
  };
}

function acknowledgement(
  name: string,
  title: string,
  expect: string,
  forge: (delivery: Awaited<ReturnType<typeof offered>>, arena: Arena) => Buffer,
): Attack {
  return {
    name,
    title,
    expect,
    async run(arena) {
      const bytes = forge(await offered(arena), arena);
      const ro = await arena.link(undefined, 'ro-ua');
      await arena.mark();
      return await codeFrom(() => ro.call('POST', ACKNOWLEDGEMENTS, { bytes }));
    },
  };
}

function registration(name: string, title: string, sho: string): Attack {
  return {
    name,
    title,
    expect: 'registration-refused',
    async run(arena) {
      const { orderId } = await offered(arena);
      const ro = await arena.link(sho, 'ro');
      await arena.mark();
      const json = { orderId, m2meId: arena.m2meId };
      return await codeFrom(() => ro.call('POST', '/sho/v1/registrations', { json }));
    },
  };
}

/** Message 11 with one member more, under the right key. */
function smuggling(serial: Buffer, r: Buffer, key: SecretKey): Buffer {
  const fields = { serial: derOctets(16), r: derOctets(32), name: derText(253) };
  const codec = derSequence({ kind: derInteger(MESSAGE_11, MESSAGE_11), fields: derSequence(fields) });
  const body = encodeDer(codec, { kind: MESSAGE_11, fields: { serial, r, name: NAMES.oldSho } });
  const mac = createHmac('sha256', key.bytes()).update(body).digest();
  return encodeDer(derSequence({ body: derOctets(1, 2048), mac: derOctets(32) }), { body, mac });
}

const stranger = (arena: Arena): SecretKey => SecretKey.adopt(arena.lab.options.random.bytes(32));

export const RO_ATTACKS: readonly Attack[] = [
  unregistration('unregistration-forged', "An unregistration under a stranger's key", async ({ fields }, arena) =>
    makeUnregistration(fields, stranger(arena)),
  ),
  unregistration(
    'unregistration-before-discard',
    'The new operator, who knows tag0 only, unregisters a machine that has discarded nothing',
    async ({ fields, token }) => makeUnregistration(fields, token.tag0),
  ),
  unregistration(
    'unregistration-other-machine',
    'An unregistration under the right key names another machine',
    async ({ fields, keys }) => makeUnregistration({ ...fields, m2meId: OTHER_MACHINE }, keys.unregister),
  ),
  unregistration(
    'unregistration-replayed',
    'An unregistration is sent again with another discard record',
    async ({ fields, keys }, arena) => {
      const oldSho = await arena.link(undefined, 'old-sho-ua');
      await oldSho.call('POST', UNREGISTRATIONS, { bytes: makeUnregistration(fields, keys.unregister) });
      return makeUnregistration({ ...fields, discardRecord: Buffer.alloc(32) }, keys.unregister);
    },
  ),
  acknowledgement(
    'acknowledgement-forged',
    "An acknowledgement is relayed under a stranger's key",
    'acknowledgement-invalid',
    ({ serial }, arena) => makeRelay({ serial, r: arena.lab.options.random.bytes(32) }, stranger(arena)),
  ),
  acknowledgement(
    'acknowledgement-wrong-r',
    'The machine relays an r that does not open the release lock',
    'acknowledgement-invalid',
    ({ serial, keys }, arena) => makeRelay({ serial, r: arena.lab.options.random.bytes(32) }, keys.relay),
  ),
  acknowledgement(
    'old-sho-smuggled',
    "The old operator's name rides in step 11, from the machine",
    'message-der-invalid',
    ({ serial, keys }, arena) => smuggling(serial, arena.lab.options.random.bytes(32), keys.relay),
  ),
  {
    name: 'old-sho-smuggled-by-ro',
    title: "The old operator's name rides in step 11, from the RO",
    expect: 'json-invalid',
    async run(arena) {
      const { orderId } = await offered(arena);
      const newSho = await arena.link(NAMES.ro, 'new-sho');
      await arena.mark();
      const json = { orderId, r: '00'.repeat(32), sho: NAMES.oldSho };
      return await codeFrom(() => newSho.call('POST', '/ro/v1/releases', { json }));
    },
  },
  {
    name: 'delivery-by-other-sho',
    title: 'An operator that the token does not name delivers with it',
    expect: 'token-wrong-audience',
    async run(arena) {
      const token = await arena.release();
      const packed = await arena.pack(token);
      const ro = await arena.link(NAMES.oldSho, 'ro');
      await arena.mark();
      const boundToken = arena.narrow(token, packed).toString('base64');
      const digest = toHex(packageDigest(packed));
      const json = { orderId: 'o1', m2meId: arena.m2meId, boundToken, digest, package: packed.toString('base64') };
      return await codeFrom(() => ro.call('POST', '/sho/v1/deliveries', { json }));
    },
  },
  registration('registration-other-sho', 'Another operator registers the machine', NAMES.oldSho),
  registration('registration-early', 'The new operator registers the machine before step 13', NAMES.newSho),
  {
    name: 'discovery-by-stranger',
    title: 'A stranger asks where the machine is',
    expect: 'machine-unknown',
    async run(arena) {
      const ro = await arena.link(NAMES.stranger, 'ro');
      await arena.mark();
      return await codeFrom(() => ro.call('GET', `/discovery/v1/machines/${arena.m2meId}`));
    },
  },
];
