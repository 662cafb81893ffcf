import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import {
  makeReturn,
  makeUnregistration,
  readAcknowledgement,
  readToken,
  releaseLock,
  tokenTagMatches,
  type Unregistration,
} from '../../src/token/index.ts';
import { type Bootstrapped, type Lab, M2ME, OLD_IMPI, startLab } from './support.ts';

let lab: Lab;
let bootstrapped: Bootstrapped;
let serial = '';
const order = {
  m2meId: M2ME,
  newSho: { id: 'sho-b.test', keyHashes: ['11'.repeat(32)] },
  roId: 'ro.test',
};

before(async () => {
  lab = await startLab();
  await lab.provision(OLD_IMPI);
  bootstrapped = lab.bootstrap(OLD_IMPI);
});
after(() => lab.close());

/** The request is refused with `code`, and SHO and HSS hold what they held. */
async function refuses(code: string, request: () => Promise<{ status: number; cause(): string }>): Promise<void> {
  const held = await lab.state();
  const answer = await request();
  assert.ok(answer.status >= 400, `status ${answer.status}`);
  assert.equal(answer.cause(), code);
  assert.equal(await lab.state(), held);
}

const fields = (change: Partial<Unregistration> = {}): Unregistration => ({
  serial: Buffer.from(serial, 'hex'),
  m2meId: M2ME,
  discardedAt: Math.floor(systemClock.now() / 1000) * 1000,
  discardRecord: Buffer.alloc(32, 7),
  ...change,
});
const send = (bytes: Uint8Array) => lab.device.send('POST', '/m2me/v1/unregistrations', { bytes });

test('a release is not issued before the machine showed a live bootstrap', () =>
  refuses('bootstrap-missing', () => lab.as('owner.test').send('POST', '/owner/v1/releases', { json: order })));

test('a machine cannot show its bootstrap as that of another machine', () =>
  refuses('bootstrap-of-another', () =>
    lab.ua(lab.bootstrap('somebody@bsf.test'), '/ua/v1/bootstraps', { m2meId: M2ME }),
  ));

test('a bootstrap without the key behind it is not learnt', async () => {
  const forged = { ...bootstrapped, ks: lab.bootstrap(OLD_IMPI).ks };
  await refuses('unauthenticated', () => lab.ua(forged, '/ua/v1/bootstraps', { m2meId: M2ME }));
});

test('step 0: the owner gets a token that only this machine and this SHO can have made', async () => {
  assert.equal((await lab.ua(bootstrapped, '/ua/v1/bootstraps', { m2meId: M2ME })).status, 204);
  const answer = await lab.as('owner.test').send('POST', '/owner/v1/releases', { json: order });
  assert.equal(answer.status, 201);
  const issued = JSON.parse(answer.body.toString('utf8')) as { serial: string; token: string };
  serial = issued.serial;
  const token = readToken(Buffer.from(issued.token, 'base64'));
  assert.equal(token.claims.newSho.id, 'sho-b.test');
  assert.ok(tokenTagMatches(token, lab.tokenKeys(bootstrapped, serial).install));
  assert.ok(!answer.body.includes('sho-a.test'));
});

test('release ordered by a stranger is refused', () =>
  refuses('not-owner', () => lab.as('stranger.test').send('POST', '/owner/v1/releases', { json: order })));

test('a second open release is refused', () =>
  refuses('release-open', () =>
    lab.as('owner.test').send('POST', '/owner/v1/releases', {
      json: { ...order, newSho: { ...order.newSho, id: 'sho-c.test' } },
    }),
  ));

test('the same release ordered again gets the first token', async () => {
  const held = await lab.state();
  const answer = await lab.as('owner.test').send('POST', '/owner/v1/releases', { json: order });
  assert.equal((JSON.parse(answer.body.toString('utf8')) as { serial: string }).serial, serial);
  assert.equal(await lab.state(), held);
});

test('a release with a member too many is refused', () =>
  refuses('json-invalid', () =>
    lab.as('owner.test').send('POST', '/owner/v1/releases', { json: { ...order, oldSho: 'sho-a.test' } }),
  ));

test('a stranger does not learn how a release stands', () =>
  refuses('release-unknown', () => lab.as('stranger.test').send('GET', `/owner/v1/releases/${serial}`)));

test('unregistration of an unknown serial is refused', () =>
  refuses('unregistration-invalid', () => {
    const unknown = systemRandom.bytes(16);
    const keys = lab.tokenKeys(bootstrapped, unknown.toString('hex'));
    return send(makeUnregistration(fields({ serial: unknown }), keys.unregister));
  }));

test('unregistration forged under another key is refused', () =>
  refuses('unregistration-invalid', () =>
    send(makeUnregistration(fields(), lab.tokenKeys(lab.bootstrap(OLD_IMPI), serial).unregister)),
  ));

test('unregistration under the key of another purpose is refused', () =>
  refuses('unregistration-invalid', () =>
    send(makeUnregistration(fields(), lab.tokenKeys(bootstrapped, serial).return)),
  ));

test('unregistration for another machine is refused', () =>
  refuses('unregistration-invalid', () =>
    send(makeUnregistration(fields({ m2meId: 'm2me-0002' }), lab.tokenKeys(bootstrapped, serial).unregister)),
  ));

test('a return forged under another key is refused', () =>
  refuses('return-invalid', () => {
    const message = { serial: Buffer.from(serial, 'hex'), m2meId: M2ME, reason: 'cancelled' };
    const bytes = makeReturn(message, lab.tokenKeys(lab.bootstrap(OLD_IMPI), serial).return);
    return lab.device.send('POST', '/m2me/v1/returns', { bytes });
  }));

test('step 10: let go means that HSS forgot the subscription and r opens the lock, and a repeat is answered alike', async () => {
  const again = await lab.as('owner.test').send('POST', '/owner/v1/releases', { json: order });
  const { token } = JSON.parse(again.body.toString('utf8')) as { token: string };
  const keys = lab.tokenKeys(bootstrapped, serial);
  assert.ok(await lab.hssHas(OLD_IMPI));
  const bytes = makeUnregistration(fields(), keys.unregister);
  const first = await send(bytes);
  assert.equal(first.status, 200);
  assert.equal(await lab.hssHas(OLD_IMPI), false);
  const acknowledgement = readAcknowledgement(first.body);
  assert.ok(acknowledgement.matches(keys.ack));
  const lock = readToken(Buffer.from(token, 'base64')).claims.releaseLock;
  assert.ok(releaseLock(acknowledgement.r).equals(lock));
  const held = await lab.state();
  assert.ok((await send(bytes)).body.equals(first.body));
  assert.equal(await lab.state(), held);
});

test('a return after the machine was let go changes nothing', () =>
  refuses('return-invalid', () => {
    const message = { serial: Buffer.from(serial, 'hex'), m2meId: M2ME, reason: 'cancelled' };
    const bytes = makeReturn(message, lab.tokenKeys(bootstrapped, serial).return);
    return lab.device.send('POST', '/m2me/v1/returns', { bytes });
  }));

test('a machine that was let go is released no more, and its owner still sees how it went', async () => {
  await refuses('not-owner', () => lab.as('owner.test').send('POST', '/owner/v1/releases', { json: order }));
  const answer = await lab.as('owner.test').send('GET', `/owner/v1/releases/${serial}`);
  assert.equal((JSON.parse(answer.body.toString('utf8')) as { state: string }).state, 'gone');
  await refuses('release-unknown', () => lab.as('stranger.test').send('GET', `/owner/v1/releases/${serial}`));
});
