import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { codeOf } from '../../src/base/index.ts';
import { packageDigest } from '../../src/mcim/index.ts';
import { makeAcknowledgement, makeRelease, narrowToken, readToken } from '../../src/token/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { fill } from '../support/claims.ts';
import { allOctets, holds, mcimA, mcimB, SET_1 } from './support.ts';
import { type Change, cutStore, GRACE, startWorld, stranger, type World } from './world.ts';

const worlds: World[] = [];
after(() => Promise.all(worlds.map((world) => world.close())));

/** A machine that is bootstrapped with its old operator, released, instructed, and offered a package. */
async function offered(options: { package?: (world: World, change: Change) => Promise<Buffer> } = {}) {
  const world = await bootstrapped();
  const change = world.release();
  assert.equal((await world.instruct(change)).state, 'announced');
  await world.poke();
  await world.deliver(change, await options.package?.(world, change));
  return { world, change };
}

async function bootstrapped(): Promise<World> {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  return world;
}

const stateOf = async (world: World) => (await world.status()).change?.state;

test('the whole change: steps in order, the new subscription in use, nothing of the old one left', async () => {
  const { world, change } = await offered();
  world.pva.challenge = true;
  await world.poke();
  const status = await world.status();
  assert.equal(status.change?.state, 'finished');
  assert.deepEqual([status.impi, status.operator], [mcimB().impi, 'sho-b.test']);
  assert.deepEqual(
    world.steps.map(({ step }) => step),
    [0, 2, 4, 7, 8, 9, 11, 12, 13, 0],
  );
  assert.deepEqual(world.ro.relayed.get(change.serial), change.r);
  assert.deepEqual(world.ro.results, ['success']);
  assert.equal(world.newSho.btids.length, 1);
  const octets = Buffer.concat([allOctets(world.config.treDir), Buffer.from(await world.journal())]);
  for (const secret of Object.values(SET_1)) assert.equal(holds(octets, Buffer.from(secret, 'hex')), false);
  assert.deepEqual(
    readdirSync(world.config.treDir).filter((name) => !/^slot/.test(name)),
    [],
  );
});

test('an instruction by a stranger, a replayed one, or one for an unknown bootstrap changes nothing', async () => {
  const world = await bootstrapped();
  const change = world.release();
  const before = await world.journal();
  assert.equal((await world.instruct(change, 'change', stranger)).cause, 'instruction-not-owner');
  world.oldSho.btid = 'AAECAwQFBgcICQoLDA0ODw==@bsf.sho-a.test';
  assert.equal((await world.instruct(world.release())).cause, 'token-bootstrap-unknown');
  assert.equal(await world.journal(), before);
});

test('a package that nobody announced is not even looked at', async () => {
  const world = await bootstrapped();
  const change = world.release();
  await world.deliver(change);
  const before = await world.journal();
  await world.poke();
  assert.equal(await world.journal(), before);
  assert.equal(world.ro.keys.size, 0);
});

for (const [what, tamper, reason] of [
  ['a package swapped by the RO', (world: World) => swap(world), 'package-digest-mismatch'],
  [
    'a size over the limit',
    (world: World) => void Object.assign(world.ro.delivery ?? {}, { size: 65_537 }),
    'package-too-large',
  ],
  [
    'another digest than the bound one',
    (world: World) => void Object.assign(world.ro.delivery ?? {}, { digest: fill(1) }),
    'token-tag-mismatch',
  ],
  ['a download cut half-way for ever', (world: World) => cut(world), 'package-unavailable'],
] as const) {
  test(`${what}: refused by name, the release is still good and the right package is taken`, async () => {
    const { world, change } = await offered();
    const before = await world.journal();
    tamper(world);
    await world.poke();
    assert.equal((await world.status()).change?.lastRefusal, reason);
    assert.equal(await world.journal(), before);
    assert.equal(world.oldSho.returned.size, 0);
    world.ro.send = (octets) => octets;
    await world.deliver(change);
    await world.poke();
    assert.equal(await stateOf(world), 'finished');
  });
}

function swap(world: World): void {
  world.ro.send = (octets) => Buffer.from(octets).fill(0, 40, 41);
}

function cut(world: World): void {
  world.ro.send = (octets) => octets.subarray(0, 1100);
}

test("a stranger's package with a stolen token: refused, the release is still good", async () => {
  const { world, change } = await offered({ package: (w, c) => w.packageFor(c, { signer: stranger }) });
  const before = await world.journal();
  await world.poke();
  assert.equal((await world.status()).change?.lastRefusal, 'package-signer-unknown');
  assert.equal(await world.journal(), before);
  await world.deliver(change);
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
});

const otherTre = await makeSigner('other TRE', await makeAuthority('Maker CA'), 'encrypt');
for (const [what, options, reason] of [
  ['for another TRE key', { recipient: otherTre.certificate }, 'package-recipient-wrong'],
  ['for another machine inside', { m2meId: 'm2me-0002' }, 'package-binding-mismatch'],
  [
    'with an operator that has no TLS',
    { mcim: { sho: { id: 'sho-b.test', url: 'http://127.0.0.1' } } },
    'package-invalid',
  ],
] as const) {
  test(`the new SHO itself signed a package ${what}: the token goes back, all is as before`, async () => {
    const { world, change } = await offered({ package: (w, c) => w.packageFor(c, options) });
    await world.poke();
    await settled(() => world.ro.refusals.length > 0 && world.oldSho.returned.has(change.serial));
    const status = await world.status();
    assert.deepEqual([status.change?.state, status.change?.reason], ['refused', reason]);
    assert.deepEqual([status.impi, status.operator], [mcimA().impi, 'sho-a.test']);
    assert.deepEqual(world.ro.refusals, [reason]);
    assert.deepEqual(
      readdirSync(world.config.treDir).filter((name) => !/^slot/.test(name)),
      [],
    );
    assert.equal((await world.instruct(change)).cause, 'token-returned');
  });
}

/** Waits for what the outbox does beside the turns. */
async function settled(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(done());
}

test('a token that runs out before step 8 goes back; after step 8 its end means nothing', async () => {
  const world = await bootstrapped();
  const early = world.release(60_000);
  await world.instruct(early);
  await world.poke();
  world.time.now += 60_000 + 300_001;
  await world.poke();
  assert.equal(await stateOf(world), 'refused');
  await settled(() => world.oldSho.returned.has(early.serial));
  const late = world.release(60_000);
  await world.instruct(late);
  world.oldSho.down = true;
  await world.deliver(late);
  await world.poke();
  assert.equal(await stateOf(world), 'discarded');
  world.oldSho.down = false;
  world.time.now += GRACE - 1;
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
});

test('a cancel before step 8 gives the token back, also one that was never announced; after it, it is too late', async () => {
  const world = await bootstrapped();
  const [announced, unheard] = [world.release(), world.release()];
  await world.instruct(announced);
  assert.equal((await world.instruct(announced, 'cancel')).state, 'returned');
  assert.equal((await world.instruct(unheard, 'cancel')).state, 'returned');
  await settled(() => world.oldSho.returned.size === 2);
  const change = world.release();
  await world.instruct(change);
  world.oldSho.down = true;
  await world.deliver(change);
  await world.poke();
  assert.equal((await world.instruct(change, 'cancel')).cause, 'too-late');
});

test('a newer instruction replaces the older one, whose token goes back', async () => {
  const world = await bootstrapped();
  const [older, newer] = [world.release(), world.release()];
  await world.instruct(older);
  await world.instruct(newer);
  await settled(() => world.oldSho.returned.has(older.serial));
  await world.deliver(older);
  await world.poke();
  assert.equal(await stateOf(world), 'announced');
  await world.deliver(newer);
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
});

for (const [what, acknowledge] of [
  [
    'under another key',
    (change: Change) => makeAcknowledgement({ serial: change.claims.serial, r: change.r }, change.keys.install),
  ],
  [
    'with another r',
    (change: Change) => makeAcknowledgement({ serial: change.claims.serial, r: fill(1) }, change.keys.ack),
  ],
  [
    'for another serial',
    (change: Change) => makeAcknowledgement({ serial: fill(1, 16), r: change.r }, change.keys.ack),
  ],
] as const) {
  test(`an acknowledgement ${what} is not believed`, async () => {
    const { world } = await offered();
    const honest = world.oldSho.acknowledge;
    world.oldSho.acknowledge = acknowledge;
    await world.poke();
    assert.equal(await stateOf(world), 'discarded');
    assert.equal(world.ro.relayed.size, 0);
    world.oldSho.acknowledge = honest;
    await world.poke();
    assert.equal(await stateOf(world), 'finished');
  });
}

test('a release under another key does not activate', async () => {
  const { world } = await offered();
  world.ro.release = (serial, keys) => makeRelease({ serial }, keys.relay);
  await world.poke();
  assert.equal(await stateOf(world), 'acknowledged');
  assert.equal((await world.status()).operator, undefined);
});

test('the old SHO is silent for ever: after the grace time the machine activates alone and goes on telling it', async () => {
  const { world } = await offered();
  world.oldSho.down = true;
  await world.poke();
  assert.equal(await stateOf(world), 'discarded');
  world.time.now += GRACE - 1;
  await world.poke();
  assert.equal(await stateOf(world), 'discarded');
  world.time.now += 1;
  await world.poke();
  const status = await world.status();
  assert.deepEqual([status.change?.state, status.operator], ['active-owing-9', 'sho-b.test']);
  assert.equal(world.newSho.btids.length, 1);
  assert.equal(world.ro.results.length, 0);
  world.time.now += 400 * 86_400_000;
  world.oldSho.down = false;
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
  assert.deepEqual(world.ro.results, ['success']);
});

test('the RO is silent for ever after step 10: the machine activates alone and owes 11 and 13', async () => {
  const { world } = await offered();
  const relays = world.ro.release;
  world.ro.release = () => {
    throw new TypeError('silent');
  };
  await world.poke();
  assert.equal(await stateOf(world), 'acknowledged');
  world.ro.down = true;
  world.time.now += GRACE;
  await world.poke();
  assert.deepEqual([await stateOf(world), (await world.status()).operator], ['active-owing-11', 'sho-b.test']);
  world.ro.down = false;
  world.ro.release = relays;
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
});

test('keys that end between the steps change nothing: every Ks expired after step 8', async () => {
  const { world } = await offered();
  world.oldSho.down = true;
  await world.poke();
  world.time.now += 7_200_000;
  world.oldSho.down = false;
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
  assert.ok(world.oldSho.got.some(({ path }) => path.startsWith('/m2me/v1/unregistrations')));
});

test('a delivery bound to a returned token is refused, and a replayed one after the change installs nothing', async () => {
  const { world, change } = await offered();
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
  const before = await world.journal();
  const octets = await world.packageFor(change);
  world.ro.delivery = {
    serial: change.serial,
    boundToken: narrowToken(readToken(change.token), packageDigest(octets), 'sho-b.test'),
    octets,
  };
  await world.poke();
  assert.equal(await world.journal(), before);
  assert.equal((await world.instruct(change)).cause, 'token-serial-spent');
});

test('a download goes on where it stopped, and is invisible until it is whole', async () => {
  const { world } = await offered();
  let chunks = 0;
  world.ro.send = (octets) => {
    world.ro.down = ++chunks === 1;
    return octets;
  };
  await world.poke();
  assert.equal(await stateOf(world), 'downloading');
  await world.stop();
  world.ro.down = false;
  await world.start();
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
  assert.equal(chunks, Math.ceil((world.ro.delivery?.octets.length ?? 0) / 1024));
});

test('power cut before and after every single write of the journal: the change is finished after the restart', async () => {
  for (const when of ['before', 'after'] as const) {
    for (let at = 1; ; at++) {
      const { world, change } = await offered();
      await world.stop();
      const cutting = cutStore(world.store, at, when);
      await world
        .start(cutting)
        .then(() => world.poke())
        .catch((error: unknown) => assert.equal(codeOf(error), 'power-cut'));
      await world.stop();
      await world.start();
      await world.poke();
      assert.equal(await stateOf(world), 'finished', `${when} commit ${at}`);
      assert.deepEqual([...world.oldSho.letGo], [change.serial]);
      assert.ok(world.ro.results.every((one) => one === 'success'));
      await world.close();
      worlds.splice(worlds.indexOf(world), 1);
      if (!cutting.wasCut()) break;
    }
  }
});

test('keys are shown by the local interface only where the configuration allows it', async () => {
  const world = await bootstrapped();
  const query = 'naf=naf.sho-a.test&uaId=0100000002&reveal=1';
  const refused = await world.local<{ cause: string }>('POST', `/local/v1/bootstrap?${query}`);
  assert.equal(refused.cause, 'forbidden');
  assert.equal('ksNaf' in (await world.local<object>('POST', '/local/v1/bootstrap')), false);
});
