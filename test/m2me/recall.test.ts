import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { encodeClaims } from '../../src/token/index.ts';
import { startWorld, type World } from './world.ts';

const worlds: World[] = [];
after(() => Promise.all(worlds.map((world) => world.close())));

async function bootstrapped(): Promise<World> {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  return world;
}

const asked = (change: ReturnType<World['release']>) => ({
  serial: change.serial,
  claims: encodeClaims(change.claims).toString('base64'),
});

async function settled(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(done());
}

test('recall of an announced serial: given back by its own MAC', async () => {
  const world = await bootstrapped();
  const change = world.release();
  await world.instruct(change);
  world.oldSho.recall = asked(change);
  await world.poke();
  await settled(() => world.oldSho.returned.has(change.serial));
  assert.equal((await world.status()).change?.reason, 'recalled');
});

test('recall of a serial that nobody announced: burnt first, then answered; it can never be announced', async () => {
  const world = await bootstrapped();
  const change = world.release();
  world.oldSho.recall = asked(change);
  await world.poke();
  assert.ok(world.oldSho.burnt.includes(change.serial));
  assert.equal((await world.instruct(change)).cause, 'token-returned');
});

test('recall with claims of another machine or another serial: nothing is burnt and nothing is answered', async () => {
  const world = await bootstrapped();
  const change = world.release();
  const foreign = encodeClaims({ ...change.claims, m2meId: 'm2me-0002' }).toString('base64');
  const before = await world.journal();
  for (const recall of [
    { serial: change.serial, claims: foreign },
    { serial: 'aa'.repeat(16), claims: asked(change).claims },
    { serial: change.serial, claims: 'AAAA' },
  ]) {
    world.oldSho.recall = recall;
    await world.poke();
  }
  assert.deepEqual(world.oldSho.burnt, []);
  assert.equal(await world.journal(), before);
  assert.equal((await world.instruct(change)).state, 'announced');
});

test('after step 8 there is no such question any more', async () => {
  const world = await bootstrapped();
  const change = world.release();
  await world.instruct(change);
  world.oldSho.acknowledge = () => {
    throw new TypeError('not now');
  };
  await world.deliver(change);
  await world.poke();
  assert.equal((await world.status()).change?.state, 'discarded');
  world.oldSho.recall = asked(change);
  await world.poke();
  assert.deepEqual(world.oldSho.burnt, []);
  assert.equal(world.oldSho.returned.size, 0);
});
