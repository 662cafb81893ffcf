import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/base/index.ts';
import { createClient, loadTls } from '../../src/http/index.ts';
import {
  type ChangeWish,
  createLabClock,
  type FaultPlan,
  type Faults,
  type Lab,
  missingSteps,
  NAMES,
  planFaults,
} from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

const MACHINE = 'm2me-0001';
const scenario = { ...EXAMPLE_SCENARIO, basePort: 0, graceMs: 400 };

test('signed variant without a factory key: the machine enrols over GBA first, then the change is done', async () => {
  await withLab(
    async ({ owner, events, lab }) => {
      const result = await owner.change(MACHINE, 20_000, { variant: 'signed' });
      assert.equal(result.state, 'done', result.reason);
      assert.deepEqual(missingSteps(events), []);
      assert.equal((await lab.stores.get('pki.sho-a.test')?.list('pki-certificate'))?.length, 1);
    },
    { scenario, enrol: true },
  );
});

for (const wish of [
  { variant: 'signed' },
  { bothPresent: true },
  { variant: 'signed', bothPresent: true },
] as const satisfies ChangeWish[]) {
  test(`steps 1 to 14 with ${JSON.stringify(wish)}`, async () => {
    await withLab(
      async ({ owner, events }) => {
        const result = await owner.change(MACHINE, 20_000, wish);
        assert.equal(result.state, 'done', result.reason);
        assert.deepEqual(missingSteps(events), []);
      },
      { scenario, bothPresent: 'bothPresent' in wish },
    );
  });
}

async function withFaults(faults: Faults, wish: ChangeWish, body: (plan: FaultPlan, lab: Lab) => Promise<void>) {
  const clock = createLabClock(systemClock);
  let lab: Lab | undefined;
  const plan = planFaults(faults, clock, async (name) => await lab?.stop(name));
  await withLab(
    async (started) => {
      lab = started.lab;
      const result = await started.owner.change(MACHINE, 20_000, {
        ...wish,
        ...(plan.silent && { silent: plan.silent }),
      });
      assert.ok(plan.isProperEnd(result), JSON.stringify(result));
      await body(plan, started.lab);
    },
    { scenario, clock, wallClock: systemClock, carrier: plan.carrier, onStep: plan.onStep },
  );
}

/** What goes through an outbox is true a moment later; at most five seconds. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 100; look++) {
    if (await holds()) return;
    await delay(50);
  }
  assert.fail('it never came true');
}

async function discovered(lab: Lab, as: string): Promise<string> {
  const url = `https://127.0.0.1:${lab.plan.ro.sbi.port}`;
  const client = createClient({ url, serverName: NAMES.ro, tls: loadTls(await lab.pki.tls(as)) });
  const answer = await client.send('GET', `/discovery/v1/machines/${MACHINE}`);
  client.close();
  return answer.body.toString();
}

for (const variant of ['gba', 'signed'] as const) {
  for (const cutAfter of [8, 10]) {
    test(`only forward after 8 (${variant}): cut off after step ${cutAfter}, all of 9 to 14 over the new connectivity`, () =>
      withFaults({ cutAfter }, { variant }, async (_, lab) => {
        assert.match(await discovered(lab, NAMES.newSho), /sho-b\.test/);
        assert.equal((await lab.stores.get(NAMES.oldSho)?.list('open-release'))?.length, 0);
      }));
  }

  test(`only forward after 8 (${variant}): every Ks expired, the messages go by their own MAC or signature`, () =>
    withFaults({ expire: 'ks' }, { variant }, async (_, lab) => {
      assert.match(await discovered(lab, NAMES.newSho), /sho-b\.test/);
    }));

  test(`I1, I8 (${variant}): the RO is silent for good after 8`, () =>
    withFaults({ silent: 'ro' }, { variant }, async (_, lab) => {
      assert.equal(lab.machines.size, 1);
    }));

  test(`I1, I4 (${variant}): the old SHO is silent for good after 8; discovery does not name the new one`, () =>
    withFaults({ silent: 'old-sho' }, { variant }, async (_, lab) => {
      assert.doesNotMatch(await discovered(lab, NAMES.newSho), /sho-b\.test/);
    }));

  test(`I8 (${variant}): the token runs out before step 8, and everything is as before`, () =>
    withFaults({ expire: 'token' }, { variant }, async (_, lab) => {
      assert.match(await discovered(lab, NAMES.oldSho), /sho-a\.test/);
      await eventually(async () => {
        const releases = (await lab.stores.get(NAMES.oldSho)?.list<{ state: string }>('release')) ?? [];
        return releases.length === 1 && releases[0]?.value.state === 'returned';
      });
    }));
}
