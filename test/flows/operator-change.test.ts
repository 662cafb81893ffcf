import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../src/base/index.ts';
import type { Listener } from '../../src/http/index.ts';
import { createClient, loadTls } from '../../src/http/index.ts';
import { bsfOf, type Lab, missingSteps, NAMES } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

const MACHINE = 'm2me-0001';

async function discover(lab: Lab, as: string): Promise<{ status: number; body: string }> {
  const url = `https://127.0.0.1:${lab.plan.ro.sbi.port}`;
  const client = createClient({ url, serverName: NAMES.ro, tls: loadTls(await lab.pki.tls(as)) });
  const { status, body } = await client.send('GET', `/discovery/v1/machines/${MACHINE}`);
  client.close();
  return { status, body: body.toString() };
}

test('steps 1 to 14 are done, then the machine bootstraps with the new operator; the old one has let go', async () => {
  await withLab(async ({ lab, owner, events }) => {
    assert.match((await discover(lab, NAMES.oldSho)).body, /sho-a\.test/);
    const result = await owner.change(MACHINE, 30_000);
    assert.equal(result.state, 'done', result.reason);
    assert.equal(result.operator, NAMES.newSho);
    assert.equal(result.bootstrappedAt, bsfOf(NAMES.newSho));
    assert.deepEqual(missingSteps(events), []);

    // I4: discovery names the new SHO, to those concerned, and nobody else learns anything.
    assert.deepEqual(JSON.parse((await discover(lab, NAMES.newSho)).body), { state: 'registered', sho: NAMES.newSho });
    assert.equal((await discover(lab, NAMES.oldSho)).status, 404);
    assert.equal((await discover(lab, NAMES.stranger)).status, 404);

    // Step 10: HSS and BSF of the old SHO no longer serve the subscription.
    const oldImpi = EXAMPLE_SCENARIO.machines[0]?.subscription.impi ?? '';
    assert.equal(await lab.stores.get('hss.sho-a.test')?.get('subscriber', oldImpi), undefined);
    assert.equal((await lab.stores.get(NAMES.oldSho)?.list('open-release'))?.length, 0);
    assert.equal((await lab.stores.get(NAMES.ro)?.list('open-delivery'))?.length, 0);
  });
});

test('I7: nothing that names the old SHO is in any octet that the new SHO received', async () => {
  const received: Buffer[] = [];
  const tap = (server: string, listener: Listener): Listener => {
    if (!server.includes(NAMES.newSho)) return listener;
    return (req, res) => {
      received.push(Buffer.from(`${req.method} ${req.url} ${req.rawHeaders.join('\n')}`));
      const emit = req.emit.bind(req);
      req.emit = (event: string, ...args: unknown[]) => {
        if (event === 'data' && Buffer.isBuffer(args[0])) received.push(Buffer.from(args[0]));
        return emit(event, ...args);
      };
      listener(req, res);
    };
  };
  await withLab(
    async ({ owner, lab }) => {
      assert.equal((await owner.change(MACHINE, 30_000)).state, 'done');
      const oldImpi = EXAMPLE_SCENARIO.machines[0]?.subscription.impi ?? '';
      const names = ['sho-a', oldImpi, '001010000000001', 'mnc001', `:${lab.plan.sho[0]?.sbi.port}`];
      // Everything, and everything that was base64 in it, decoded.
      const decoded = received.flatMap((octets) => [
        octets,
        ...[...octets.toString('latin1').matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([text]) =>
          Buffer.from(text, 'base64'),
        ),
      ]);
      assert.ok(received.length > 10, 'the tap saw the traffic');
      for (const octets of decoded) {
        for (const name of names) {
          for (const form of [name, toHex(Buffer.from(name))]) {
            assert.equal(octets.includes(form), false, `${form} in ${octets.toString('latin1').slice(0, 200)}`);
          }
        }
      }
    },
    { wrap: tap },
  );
});

for (const silent of [NAMES.ro, NAMES.oldSho]) {
  test(`I1: with ${silent} stopped for good right after step 8 the machine ends with a working new MCIM`, async () => {
    let lab: Lab | undefined;
    let stopped: Promise<void> | undefined;
    await withLab(
      async (started) => {
        lab = started.lab;
        const ended = started.owner
          .change(MACHINE, 8_000)
          .catch((error: unknown) => ({ state: 'stuck', reason: String(error) }));
        const result = await ended;
        await stopped;
        assert.ok(stopped !== undefined, 'step 8 was reached');
        assert.notEqual(result.state, 'refused');
        const port = started.lab.plan.m2me[0]?.local.port;
        const machine = createClient({ url: `http://127.0.0.1:${port}` });
        const answer = await machine.call('POST', '/local/v1/bootstrap');
        machine.close();
        assert.match(answer.body.toString(), /"bsf":"bsf\.sho-b\.test"/);
      },
      {
        scenario: { ...EXAMPLE_SCENARIO, basePort: 0, graceMs: 500 },
        onStep(event) {
          if (event.step === 8 && stopped === undefined) stopped = lab?.stop(silent);
        },
      },
    );
  });
}
