import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { mcimA, mcimB } from '../m2me/support.ts';
import { GRACE, startWorld, type World } from '../m2me/world.ts';

const worlds: World[] = [];
after(() => Promise.all(worlds.map((world) => world.close())));

const DAY = 86_400_000;
/** After which step of the machine's the party is gone, and how the change stands in the end. */
const ENDS = {
  ro: {
    2: 'refused',
    4: 'refused',
    7: 'active-owing-11',
    8: 'active-owing-11',
    9: 'active-owing-11',
    11: 'active-owing-11',
    12: 'active-owing-13',
  },
  oldSho: { 2: 'active-owing-9', 7: 'active-owing-9', 8: 'active-owing-9', 9: 'active-owing-9' },
} as const;

/** One change, with `party` gone for good as soon as the machine has shown `step`. */
async function changeWithout(party: 'ro' | 'oldSho', step: number): Promise<World> {
  const world = await startWorld();
  worlds.push(world);
  const push = world.steps.push.bind(world.steps);
  let instructed = false;
  world.steps.push = (...shown) => {
    if (instructed && shown.some((one) => one.step === step)) world[party].down = true;
    return push(...shown);
  };
  await world.start();
  await world.poke();
  const change = world.release();
  instructed = true;
  await world.instruct(change);
  world.pva.challenge = true;
  await world.deliver(change);
  await world.poke();
  return world;
}

/** The machine can bootstrap with the operator whose subscription it says it has. */
async function worksWith(world: World): Promise<string> {
  const { operator = '' } = await world.status();
  const answer = await world.local<{ bsf?: string }>('POST', '/local/v1/bootstrap');
  assert.equal(answer.bsf, `bsf.${operator}`, `the machine is with ${operator}`);
  return operator;
}

for (const [party, silent] of [
  ['ro', 'the RO'],
  ['oldSho', 'the old SHO'],
] as const) {
  test(`I1, I8: ${silent} gone for good after each step: the machine ends with a subscription that works`, async () => {
    for (const [step, end] of Object.entries(ENDS[party])) {
      const world = await changeWithout(party, Number(step));
      // A day is more than the grace time and than the token's validity; it may take a turn for each party's silence.
      for (let turn = 0; turn < 4; turn++) {
        world.time.now += turn === 0 ? GRACE : DAY;
        await world.poke();
      }
      const { change, impi } = await world.status();
      const operator = await worksWith(world);
      const discarded = world.steps.some((one) => one.step === 8);
      assert.equal(operator, discarded ? 'sho-b.test' : 'sho-a.test', `${party}, ${step}: ${change?.state}`);
      assert.equal(impi, discarded ? mcimB().impi : mcimA().impi);
      assert.equal(change?.state, end, `${silent} gone after ${step}`);
    }
  });
}

test('step 10 lost again and again: the machine asks until it has it, and the old SHO lets go once', async () => {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  const change = world.release();
  await world.instruct(change);
  await world.deliver(change);
  const honest = world.oldSho.acknowledge;
  let lost = 0;
  world.oldSho.acknowledge = (one) => {
    if (++lost > 5) return honest(one);
    throw new TypeError('lost');
  };
  for (let turn = 0; turn < 6; turn++) await world.poke();
  assert.equal((await world.status()).change?.state, 'finished');
  assert.deepEqual([...world.oldSho.letGo], [change.serial]);
  const notices = world.oldSho.got.filter(({ path }) => path.endsWith('unregistrations'));
  assert.equal(new Set(notices.map(({ body }) => body.toString('hex'))).size, 1);
});

test('a machine that starts again and again with nobody to hear it keeps its two messages, not more', async () => {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  const change = world.release();
  await world.instruct(change);
  world.oldSho.down = true;
  world.ro.down = true;
  assert.equal((await world.instruct(change, 'cancel')).state, 'returned');
  for (let start = 0; start < 5; start++) {
    await world.stop();
    await world.start();
    await world.poke();
    assert.equal((await world.store.list('outbox')).length, 2);
  }
});
