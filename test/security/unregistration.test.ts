import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import {
  deriveRoKeys,
  makeReturn,
  makeUnregistration,
  openToken,
  readToken,
  type Unregistration,
} from '../../src/token/index.ts';
import { type Bootstrapped, type Lab, M2ME, OLD_IMPI, startLab } from '../sho/support.ts';

let lab: Lab;
let machine: Bootstrapped;
let first: { serial: string; token: Buffer };
let second: { serial: string; token: Buffer };
const order = {
  m2meId: M2ME,
  newSho: { id: 'sho-b.test', keyHashes: ['11'.repeat(32)] },
  roId: 'ro.test',
};

async function release() {
  const answer = await lab.as('owner.test').send('POST', '/owner/v1/releases', { json: order });
  const { serial, token } = JSON.parse(answer.body.toString()) as { serial: string; token: string };
  return { serial, token: Buffer.from(token, 'base64') };
}

const fields = (serial: string, change: Partial<Unregistration> = {}): Unregistration => ({
  serial: Buffer.from(serial, 'hex'),
  m2meId: M2ME,
  discardedAt: Math.floor(systemClock.now() / 1000) * 1000,
  discardRecord: Buffer.alloc(32, 7),
  ...change,
});

before(async () => {
  lab = await startLab();
  await lab.provision(OLD_IMPI);
  machine = lab.bootstrap(OLD_IMPI);
  await lab.ua(machine, '/ua/v1/bootstraps', { m2meId: M2ME });
  first = await release();
  const givenBack = { serial: Buffer.from(first.serial, 'hex'), m2meId: M2ME, reason: 'cancelled' };
  const bytes = makeReturn(givenBack, lab.tokenKeys(machine, first.serial).return);
  assert.equal((await lab.device.send('POST', '/m2me/v1/returns', { bytes })).status, 204);
  second = await release();
});
after(() => lab.close());

/** Refused from both doors, in the same octets; the old SHO and its HSS hold what they held. */
async function refused(bytes: Uint8Array, code = 'unregistration-invalid'): Promise<string> {
  const held = await lab.state();
  const answer = await lab.device.send('POST', '/m2me/v1/unregistrations', { bytes });
  assert.equal(answer.cause(), code);
  assert.equal(await lab.state(), held);
  assert.ok(await lab.hssHas(OLD_IMPI));
  return `${answer.status} ${answer.headers['content-type']} ${answer.body}`;
}

test('I3: nothing, a token, and the keys that owner, new SHO and RO hold unregister nobody', async () => {
  const { install, ack, return: giveBack } = lab.tokenKeys(machine, second.serial);
  const { tag0 } = readToken(second.token);
  const ks = SecretKey.adopt(systemRandom.bytes(32));
  const ro = deriveRoKeys(ks, Buffer.from(second.serial, 'hex'));
  await refused(Buffer.alloc(0), 'message-der-invalid');
  await refused(second.token, 'message-der-invalid');
  for (const key of [tag0, install, ack, giveBack, ro.activate, ro.result, ro.relay]) {
    await refused(makeUnregistration(fields(second.serial), key));
  }
});

test('I3: keys of another serial, of another machine, and the names of another machine unregister nobody', async () => {
  const { unregister } = lab.tokenKeys(machine, second.serial);
  await refused(makeUnregistration(fields(second.serial), lab.tokenKeys(machine, first.serial).unregister));
  const other = lab.bootstrap('somebody@bsf.test');
  await refused(makeUnregistration(fields(second.serial), lab.tokenKeys(other, second.serial).unregister));
  for (const m2meId of ['m2me-0002', 'M2ME-0001', 'm2me-0001 ']) {
    await refused(makeUnregistration(fields(second.serial, { m2meId }), unregister));
  }
});

test('I5: a late notice of an earlier release of the same machine ends nothing', async () => {
  const late = makeUnregistration(fields(first.serial), lab.tokenKeys(machine, first.serial).unregister);
  await refused(late);
  const answer = await lab.as('owner.test').send('GET', `/owner/v1/releases/${second.serial}`);
  assert.equal((JSON.parse(answer.body.toString()) as { state: string }).state, 'issued');
});

test('a serial that is known, unknown or given back: who holds no key gets the same octets, and no sooner', async () => {
  const stranger = SecretKey.adopt(systemRandom.bytes(32));
  const forge = (serial: string) => makeUnregistration(fields(serial), stranger);
  const unknown = systemRandom.bytes(16).toString('hex');
  const seen = await Promise.all([second.serial, first.serial, unknown].map((serial) => refused(forge(serial))));
  assert.equal(new Set(seen).size, 1);
  const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] };
  for (let i = 0; i < 150; i++) {
    for (const which of ['known', 'unknown'] as const) {
      const bytes = forge(which === 'known' ? second.serial : systemRandom.bytes(16).toString('hex'));
      const started = performance.now();
      await lab.device.send('POST', '/m2me/v1/unregistrations', { bytes });
      times[which].push(performance.now() - started);
    }
  }
  // A serial has 128 random bits: what is left to a stopwatch must be lost in the noise of one local request.
  const [known, none] = [median(times.known), median(times.unknown)];
  assert.ok(Math.abs(known - none) < Math.max(0.25, none / 4), `known ${known} ms, unknown ${none} ms`);
});

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

test('step 10 counts whoever asks again: ten lost acknowledgements are ten times the same octets', async () => {
  const bytes = makeUnregistration(fields(second.serial), lab.tokenKeys(machine, second.serial).unregister);
  const answers = new Set<string>();
  for (let i = 0; i < 10; i++) {
    const answer = await lab.device.send('POST', '/m2me/v1/unregistrations', { bytes });
    assert.equal(answer.status, 200);
    answers.add(answer.body.toString('hex'));
  }
  assert.equal(answers.size, 1);
  assert.equal(await lab.hssHas(OLD_IMPI), false);
  assert.equal((await openToken(second.token)).claims.serial.toString('hex'), second.serial);
});
