import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { loadConfig } from '../../src/cli/config-file.ts';
import { NAMES } from '../../src/lab/index.ts';
import {
  cancelChange,
  connectOwner,
  createMachineClient,
  type OrderLook,
  type OwnerTools,
  orderChange,
  ownerConfigSchema,
  type Target,
  watchOrder,
} from '../../src/owner/index.ts';
import { gba } from '../cli/process.ts';
import { withFleet } from '../support/fleet.ts';

const PATIENCE_MS = 20_000;

test('gba order status: what is done, whom it waits for and how it ended, in every state of a change', async () => {
  /** Servers of the lab, by name, that answer 503. */
  const down = new Set<string>();
  await withFleet(
    3,
    async ({ lab, dir }) => {
      const file = join(dir, 'config', 'owner.yaml');
      const config = loadConfig(file, ownerConfigSchema);
      const [moved = '', cancelled = '', measured = ''] = lab.plan.fleet;
      const urlOf = (id: string) => `http://127.0.0.1:${lab.plan.m2me.find((one) => one.id === id)?.local.port}`;

      async function asOwner<T>(work: (tools: OwnerTools, target: Target) => Promise<T>, id: string): Promise<T> {
        const { tools, close } = await connectOwner(config, { clock: systemClock, random: systemRandom });
        const machine = createMachineClient(urlOf(id));
        try {
          await tools.journal.note(id, { to: NAMES.newSho, url: urlOf(id) });
          return await work(tools, { m2meId: id, machine });
        } finally {
          machine.close();
          await close();
        }
      }
      const orderFor = (id: string) =>
        asOwner((tools, target) => orderChange(tools, target, systemClock.now() + PATIENCE_MS), id);
      /** Looks until the change waits for `step`, or has ended. */
      async function until(id: string, holds: (look: OrderLook) => boolean): Promise<OrderLook> {
        const watch = watchOrder(config, { m2meId: id }, systemClock);
        try {
          for (let i = 0; ; i++) {
            const look = await watch.look();
            if (holds(look)) return look;
            assert.ok(i < 400, JSON.stringify(look));
            await delay(25);
          }
        } finally {
          watch.close();
        }
      }
      const status = (...args: string[]) => gba(['order', 'status', '--config', file, ...args]);

      const none = await status('--machine', moved, '--json');
      assert.deepEqual([none.code, JSON.parse(none.err).error], [1, 'nothing-ordered']);
      assert.equal((await status()).code, 2, 'a journal with nothing in it does not say which machine');

      down.add('pva.test sbi');
      await orderFor(moved);
      const asking = await until(moved, ({ waiting }) => waiting?.attempts !== undefined);
      assert.deepEqual([asking.outcome, asking.waiting?.for, asking.waiting?.step], ['under-way', 'pva', 3]);
      assert.ok(asking.waiting?.since !== undefined && asking.waiting.nextAttemptAt !== undefined);
      assert.ok(asking.endsAt !== undefined && asking.silent.length === 0);
      const text = await status();
      assert.equal(text.code, 3, text.err);
      assert.match(text.out, /under way/);
      assert.match(text.out, /waits for pva since .* \(step 3\), asked \d+ times in vain, next attempt 20/);

      down.add('ro.test sbi');
      down.delete('pva.test sbi');
      const delivering = await until(moved, ({ waiting }) => waiting?.for === 'ro' && waiting.attempts !== undefined);
      assert.equal(delivering.waiting?.step, 6);
      assert.equal(delivering.steps[5]?.state, 'done');

      down.add('sho-a.test ua');
      down.delete('ro.test sbi');
      const inChange = await until(moved, ({ waiting }) => waiting?.step === 9);
      assert.equal(inChange.waiting?.for, 'old-operator');
      assert.equal(inChange.steps[8]?.state, 'done');
      assert.equal(inChange.steps[9]?.state, 'waiting');

      const watching = status('--machine', moved, '--watch', '--json', '--timeout', '60');
      await delay(200);
      down.delete('sho-a.test ua');
      const watched = await watching;
      assert.equal(watched.code, 0, watched.err);
      const looks = watched.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as OrderLook);
      assert.equal(looks.at(-1)?.outcome, 'done');
      assert.ok(looks.at(-1)?.steps.every(({ state }) => state === 'done'));

      // The PVA does not take the machine's quote: it waits, is asked back, and gives the token back.
      down.add('pva.test m2me');
      await orderFor(cancelled);
      const measuring = await until(cancelled, ({ waiting }) => waiting?.step === 4);
      assert.equal(measuring.waiting?.for, 'machine');
      await asOwner((tools, target) => cancelChange(tools, target, systemClock.now() + PATIENCE_MS), cancelled);
      const returned = await status('--machine', cancelled, '--json');
      const { outcome, reason } = JSON.parse(returned.out) as OrderLook;
      assert.deepEqual([returned.code, outcome, reason], [1, 'returned', 'cancelled']);

      await orderFor(measured);
      await until(measured, ({ waiting }) => waiting?.step === 4);
      await lab.stop(NAMES.newSho);
      const silent = await status('--machine', measured, '--json');
      assert.deepEqual([silent.code, (JSON.parse(silent.out) as OrderLook).silent], [3, ['new-operator']]);
    },
    {
      wrap: (name, listener) => (req, res) => (down.has(name) ? void res.writeHead(503).end() : listener(req, res)),
    },
  );
});
