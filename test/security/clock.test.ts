import assert from 'node:assert/strict';
import { after, describe, it, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/index.ts';
import { bsfOf, createMachineClient, type Lab, missingSteps, NAMES } from '../../src/lab/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { startTestBsf } from '../bsf/support.ts';
import { GRACE, startWorld, type World } from '../m2me/world.ts';
import { ask, closeNafs, credentialsFor, freshKey, startNaf } from '../naf/support.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MACHINE = 'm2me-0001';
const worlds: World[] = [];
after(async () => {
  await Promise.all(worlds.map((world) => world.close()));
  await closeNafs();
});

test("a NAF whose clock is set back serves on, and takes no replay, also after the clock's way there and back", async (t) => {
  const lab = await startTestBsf();
  t.after(() => lab.bsf.close());
  const who = await freshKey(lab);
  for (const store of [undefined, createMemoryStore(lab.clock)]) {
    let skew = 0;
    const clock = { now: () => lab.time.now + skew };
    const naf = await startNaf(lab, { clock, ...(store !== undefined && { store }) });
    const used = credentialsFor(await ask(naf.url), who);
    assert.equal((await ask(naf.url, used)).status, 200);
    for (const jump of [HOUR / 2, 0, -HOUR, -DAY, 0]) {
      skew = jump;
      if (jump > 0) await store?.sweep();
      assert.equal((await ask(naf.url, used)).status, 401, `replayed at ${jump}`);
      const fresh = credentialsFor(await ask(naf.url), who);
      assert.equal((await ask(naf.url, fresh)).status, 200, `${jump} ms, ${String(naf.lastCode())}`);
      assert.equal((await ask(naf.url, fresh)).status, 401);
    }
    await naf.close();
  }
});

/** A machine that waits after step 8 for an old SHO that is gone. */
async function waiting(): Promise<World> {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  const change = world.release();
  await world.instruct(change);
  world.oldSho.down = true;
  await world.deliver(change);
  await world.poke();
  assert.equal((await world.status()).change?.state, 'discarded');
  return world;
}

test('I1: a machine whose clock is set back after step 8, to any year, activates after the grace time all the same', async () => {
  for (const back of [1000, DAY, 30 * 365 * DAY]) {
    const world = await waiting();
    world.time.now -= back;
    // Also over a power cut: a clock without a battery starts in the past.
    await world.stop();
    await world.start();
    await world.poke();
    assert.equal((await world.status()).change?.state, 'discarded', 'not before the grace time');
    world.time.now += GRACE;
    await world.poke();
    assert.equal((await world.status()).change?.state, 'active-owing-9', `${back} ms back`);
  }
});

test('a machine whose clock is wrong before step 8 discards nothing, and goes on when the clock is right', async () => {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  const change = world.release();
  await world.instruct(change);
  world.time.now -= DAY;
  await world.deliver(change);
  await world.poke();
  const { change: early, operator } = await world.status();
  assert.deepEqual([early?.state, early?.lastRefusal, operator], ['announced', 'token-not-yet-valid', 'sho-a.test']);
  world.time.now += DAY;
  await world.poke();
  assert.equal((await world.status()).change?.state, 'finished');
});

/** Each party's clock by itself: within the tolerance of five minutes nobody notices. */
const PARTIES = [NAMES.oldSho, NAMES.newSho, NAMES.ro, NAMES.pva, MACHINE, bsfOf(NAMES.oldSho), bsfOf(NAMES.newSho)];
const drifting = (drifts: Readonly<Record<string, number>>) => ({
  clockOf: (name: string) => ({ now: () => systemClock.now() + (drifts[name] ?? 0) }),
});
const scenario = { ...EXAMPLE_SCENARIO, basePort: 0, graceMs: 300 };

test('clocks that differ by up to the tolerance, in any direction: the change is done', async () => {
  for (const sign of [1, -1]) {
    const drifts = Object.fromEntries(PARTIES.map((name, i) => [name, (i % 2 === 0 ? sign : -sign) * 145_000]));
    await withLab(
      async ({ owner, events }) => {
        const result = await owner.change(MACHINE, 20_000);
        assert.equal(result.state, 'done', result.reason);
        assert.deepEqual(missingSteps(events), []);
      },
      { scenario, ...drifting(drifts) },
    );
  }
});

/** The machine after its owner's patience ended: it may be in the middle of a step. */
async function operatorOf(lab: Lab): Promise<string> {
  const machine = createMachineClient(`http://127.0.0.1:${lab.plan.m2me[0]?.local.port}`);
  try {
    for (let look = 0; look < 100; look++) {
      const { operator } = await machine.status();
      if (operator !== undefined) return operator;
      await delay(50);
    }
    return 'nobody';
  } finally {
    machine.close();
  }
}

describe('one clock that is wrong', { concurrency: 3 }, () => {
  for (const name of [NAMES.oldSho, NAMES.newSho, NAMES.ro, NAMES.pva, MACHINE]) {
    it(`${name} with its clock an hour or a day off, either way: done, or nothing has changed, or the new SHO is in use`, async () => {
      const drifts = [HOUR, -HOUR, DAY, -DAY];
      const ends = await Promise.all(
        drifts.map(async (drift) => {
          let end = '';
          await withLab(
            async ({ lab, owner, events }) => {
              const state = await owner.change(MACHINE, 2_000).then(
                (result) => result.state,
                () => 'refused',
              );
              // Before step 8 all is as before; after it the machine goes forward, whatever the others' clocks say.
              const discarded = events.some(({ step }) => step === 8);
              const expected = discarded ? NAMES.newSho : NAMES.oldSho;
              assert.equal(await operatorOf(lab), expected, `${name} ${drift / HOUR} h: ${state}`);
              end = state;
            },
            { scenario, ...drifting({ [name]: drift }) },
          );
          return end;
        }),
      );
      assert.equal(ends.length, drifts.length);
    });
  }
});
