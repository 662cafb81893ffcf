import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Lab, missingSteps } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';
import { createRecorder, type Recorded, sayAgain } from './recorder.ts';
import { snapshotOf } from './snapshot.ts';
import { twinsIn } from './twin.ts';

const MACHINE = 'm2me-0001';
const scenario = { ...EXAMPLE_SCENARIO, basePort: 0, graceMs: 2_000 };
/** At these steps all that was said so far is said again. */
const MOMENTS = [2, 5, 6, 7, 8, 10, 11, 12, 13, 14];

/** An order to the machine, each a new one: no message of the change. */
const BOOTSTRAP = '/local/v1/bootstrap';

/** The state when two looks agree: the parties end by themselves what is under way. */
async function rested(lab: Lab): Promise<Map<string, unknown>> {
  let before = await snapshotOf(lab);
  for (let look = 0; look < 40; look++) {
    await Promise.all([...lab.machines.values()].map((machine) => machine.poke()));
    await delay(120);
    const now = await snapshotOf(lab);
    if (isDeepStrictEqual(before, now)) return now;
    before = now;
  }
  return assert.fail('the lab does not come to rest');
}

/** Every message of the change once, in the order in which they came. */
const onceEach = (all: readonly Recorded[]): Recorded[] => {
  const seen = new Set<string>();
  return all.filter(({ server, method, path, body }) => {
    const key = `${server} ${method} ${path} ${body.toString('latin1')}`;
    return path !== BOOTSTRAP && !seen.has(key) && seen.add(key);
  });
};

for (const variant of ['gba', 'signed'] as const) {
  test(`I5 (${variant}): every message said again at every later step: one discard, one activation, one registration`, async () => {
    const { requests, wrap } = createRecorder();
    const said: Promise<unknown>[] = [];
    let lab: Lab | undefined;
    await withLab(
      async (started) => {
        lab = started.lab;
        const result = await started.owner.change(MACHINE, 30_000, { variant });
        assert.equal(result.state, 'done', result.reason);
        await Promise.all(said);
        assert.deepEqual(missingSteps(started.events), []);
        const times = (step: number, what: RegExp) =>
          started.events.filter((one) => one.step === step && what.test(one.what)).length;
        assert.deepEqual(
          [
            times(8, /erased/),
            times(10, /let go/),
            times(11, /without a name/),
            times(13, /^result/),
            times(14, /subscribes/),
          ],
          [1, 1, 1, 3, 1],
        );
        assert.equal(started.events.filter(({ step, party }) => step === 12 && party === MACHINE).length, 1);

        // Afterwards: nothing of it changes anything any more, not even as the twin (r, n-s) of its signatures.
        const before = await rested(started.lab);
        let twins = 0;
        for (const one of onceEach(requests)) {
          await sayAgain(started.lab, one);
          for (const twin of twinsIn(one.body)) {
            twins++;
            await sayAgain(started.lab, one, twin);
          }
        }
        assert.ok(twins >= 4, `${twins} twins`);
        assert.deepEqual(await rested(started.lab), before);
      },
      {
        scenario,
        wrap,
        onStep({ step }) {
          if (lab === undefined || !MOMENTS.includes(step)) return;
          const here = lab;
          for (const one of onceEach(requests)) said.push(sayAgain(here, one).catch(() => undefined));
        },
      },
    );
  });
}
