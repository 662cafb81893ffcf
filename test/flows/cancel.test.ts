import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '../../src/base/index.ts';
import { createClient, loadTls } from '../../src/http/index.ts';
import { createOperatorClient, type Lab, NAMES, signInstruction } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

const MACHINE = 'm2me-0001';
const scenario = { ...EXAMPLE_SCENARIO, basePort: 0, graceMs: 1_000 };

async function ownerAt(lab: Lab, id: string) {
  const port = lab.plan.sho.find((sho) => sho.id === id)?.sbi.port ?? 0;
  const options = { url: `https://127.0.0.1:${port}`, serverName: id, tls: loadTls(await lab.pki.tls(NAMES.owner)) };
  return createOperatorClient(options);
}

/** The machine is bootstrapped and the owner has a token. */
async function released(lab: Lab) {
  const oldSho = await ownerAt(lab, NAMES.oldSho);
  const newSho = await ownerAt(lab, NAMES.newSho);
  const wish = { m2meId: MACHINE, newSho: await newSho.signingKeys(), roId: NAMES.ro };
  const release = await eventually(() => oldSho.release(wish));
  return { oldSho, newSho, wish, serial: release.serial, token: release.token ?? Buffer.alloc(0) };
}

async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let look = 0; ; look++) {
    try {
      return await work();
    } catch (error) {
      if (look === 100) throw error;
      await delay(50);
    }
  }
}

const stateIs = (state: string, ask: () => Promise<{ state: string }>) =>
  eventually(async () => assert.equal((await ask()).state, state));

async function instruct(lab: Lab, token: Uint8Array, signer: Parameters<typeof signInstruction>[0]): Promise<void> {
  const machine = createClient({ url: `http://127.0.0.1:${lab.plan.m2me[0]?.local.port}` });
  const bytes = await signInstruction(signer, token, lab.options.clock.now());
  await machine.call('POST', '/local/v1/instructions', { bytes });
  machine.close();
}

const impiThere = async (lab: Lab) => {
  const impi = EXAMPLE_SCENARIO.machines[0]?.subscription.impi ?? '';
  return (await lab.stores.get('hss.sho-a.test')?.get('subscriber', impi)) !== undefined;
};

test('cancel: the old SHO asks, the machine that was told gives the token back, the new SHO hears a refusal', async () => {
  await withLab(
    async ({ lab, owner }) => {
      const { oldSho, newSho, serial, token } = await released(lab);
      await lab.stop(NAMES.pva);
      const orderId = await newSho.order({ m2meId: MACHINE, roId: NAMES.ro, pvaId: NAMES.pva, token });
      await instruct(lab, token, owner.signer);
      assert.equal((await oldSho.recall(serial)).state, 'recalling');
      await stateIs('returned', () => oldSho.releaseState(serial));
      assert.ok(await impiThere(lab));
      assert.equal((await newSho.orderState(orderId)).state, 'validating');
      const again = { m2meId: MACHINE, newSho: await newSho.signingKeys(), roId: NAMES.ro };
      assert.notEqual((await oldSho.release(again)).serial, serial);
      oldSho.close();
      newSho.close();
    },
    { scenario },
  );
});

test('cancel: a serial that no owner ever announced is burnt by the machine when the old SHO asks', async () => {
  await withLab(
    async ({ lab, owner }) => {
      const { oldSho, newSho, serial, token } = await released(lab);
      assert.equal((await oldSho.recall(serial)).state, 'recalling');
      await stateIs('returned', () => oldSho.releaseState(serial));
      await assert.rejects(instruct(lab, token, owner.signer), (error) => codeOf(error) === 'token-returned');
      oldSho.close();
      newSho.close();
    },
    { scenario },
  );
});

test('cancel: a machine that is past step 8 is not asked any more; its unregistration is the answer', async () => {
  await withLab(
    async ({ owner, lab }) => {
      assert.equal((await owner.change(MACHINE, 20_000)).state, 'done');
      await assert.rejects(owner.cancel(MACHINE, 1_000), (error) => codeOf(error) === 'too-late');
      const oldSho = await ownerAt(lab, NAMES.oldSho);
      const serial = owner.journal.of(MACHINE).serial ?? '';
      await assert.rejects(oldSho.recall(serial), (error) => ['too-late', 'release-unknown'].includes(codeOf(error)));
      oldSho.close();
    },
    { scenario },
  );
});

test('cancel: the owner asks the machine before step 8: returned, and all is as before', async () => {
  await withLab(
    async ({ lab, owner }) => {
      await lab.stop(NAMES.pva);
      const result = owner.change(MACHINE, 8_000);
      await eventually(async () => assert.equal(owner.journal.of(MACHINE).instructed, true));
      assert.equal((await owner.cancel(MACHINE, 2_000)).state, 'returned');
      assert.equal((await result).state, 'refused');
      const oldSho = await ownerAt(lab, NAMES.oldSho);
      await stateIs('returned', () => oldSho.releaseState(owner.journal.of(MACHINE).serial ?? ''));
      assert.ok(await impiThere(lab));
      oldSho.close();
    },
    { scenario },
  );
});

test('one open release, order and delivery a machine: a second token, and a second new SHO, are turned away', async () => {
  await withLab(
    async ({ lab }) => {
      const { oldSho, newSho, wish, token } = await released(lab);
      const elsewhere = { ...wish, newSho: { ...wish.newSho, id: 'sho-c.test' } };
      const racing = await Promise.allSettled([oldSho.release(elsewhere), oldSho.release(elsewhere)]);
      for (const one of racing) assert.equal(one.status === 'rejected' && codeOf(one.reason), 'release-open');
      const order = { m2meId: MACHINE, roId: NAMES.ro, pvaId: NAMES.pva, token };
      const orders = await Promise.all(
        [1, 2, 3].map(() => newSho.order(order).catch((error: unknown) => codeOf(error))),
      );
      const ids = new Set(orders.filter((one) => one !== 'order-open' && one !== 'conflict'));
      assert.equal(ids.size, 1);
      oldSho.close();
      newSho.close();
    },
    { scenario },
  );
});
