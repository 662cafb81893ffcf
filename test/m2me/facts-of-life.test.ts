import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startWorld, type World } from './world.ts';

const worlds: World[] = [];
after(() => Promise.all(worlds.map((world) => world.close())));
const YEAR = 366 * 86_400_000;

async function bootstrapped(): Promise<World> {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  return world;
}

const stateOf = async (world: World) => (await world.status()).change?.state;
const again = (world: World) => world.local<{ btid: string }>('POST', '/local/v1/bootstrap');

test('re-bootstrap between any two steps before 8 changes nothing: the pinned keys go on', async () => {
  const world = await bootstrapped();
  const change = world.release();
  await again(world);
  await world.instruct(change);
  const { btid } = await again(world);
  await world.poke();
  assert.equal(await stateOf(world), 'announced');
  world.pva.challenge = true;
  await world.poke();
  assert.notEqual((await again(world)).btid, btid);
  let chunks = 0;
  world.ro.send = (octets) => {
    world.ro.down = ++chunks === 1;
    return octets;
  };
  await world.deliver(change);
  await world.poke();
  assert.equal(await stateOf(world), 'downloading');
  for (let i = 0; i < 4; i++) await again(world);
  world.ro.down = false;
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
});

test('every Ks over between instruction and delivery: the machine bootstraps anew, the announced token is still good', async () => {
  const world = await bootstrapped();
  const change = world.release(3 * 3_600_000);
  await world.instruct(change);
  world.time.now += 2 * 3_600_000;
  await world.poke();
  await world.deliver(change);
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
});

test('a machine that sleeps for a year after step 8 wakes up, is let go, and works with the new operator', async () => {
  const world = await bootstrapped();
  const change = world.release();
  await world.instruct(change);
  world.oldSho.down = true;
  await world.deliver(change);
  await world.poke();
  assert.equal(await stateOf(world), 'discarded');
  await world.stop();
  world.time.now += YEAR;
  world.oldSho.down = false;
  await world.start();
  await world.poke();
  assert.equal(await stateOf(world), 'finished');
  assert.ok(world.oldSho.letGo.has(change.serial));
  assert.equal((await world.status()).operator, 'sho-b.test');
});

for (const [what, ahead, expected] of [
  ['behind by less than the limit', -299_000, 'finished'],
  ['ahead by less than the limit', 1_800_000 + 299_000, 'finished'],
  ['ahead by more than the limit: the token goes back', 1_800_000 + 301_000, 'refused'],
] as const) {
  test(`clock skew: the machine's clock is ${what}`, async () => {
    const world = await bootstrapped();
    const change = world.release(1_800_000);
    await world.instruct(change);
    world.time.now += ahead;
    await world.deliver(change);
    await world.poke();
    assert.equal(await stateOf(world), expected);
  });
}
