import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, systemClock } from '../../src/base/index.ts';
import { createRouter, listen, loadTls } from '../../src/http/index.ts';
import {
  bsfOf,
  createMachineClient,
  createOperatorClient,
  type Lab,
  NAMES,
  type Owner,
  signInstruction,
} from '../../src/lab/index.ts';
import { createZnClient, gbaAuth } from '../../src/naf/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

/** The machine waits for a package of the RO. */
async function instructed(lab: Lab, { signer }: Owner): Promise<void> {
  const tls = loadTls(await lab.pki.tls(NAMES.owner));
  const at = (id: string) => {
    const port = lab.plan.sho.find((sho) => sho.id === id)?.sbi.port;
    return createOperatorClient({ url: `https://127.0.0.1:${port}`, serverName: id, tls });
  };
  const [oldSho, newSho] = [at(NAMES.oldSho), at(NAMES.newSho)];
  await Promise.all([...lab.machines.values()].map((machine) => machine.poke()));
  const wish = { m2meId: 'm2me-0001', newSho: await newSho.signingKeys(), roId: NAMES.ro };
  const { token } = await oldSho.release(wish);
  assert.ok(token !== undefined);
  const machine = createMachineClient(`http://127.0.0.1:${lab.plan.m2me[0]?.local.port}`);
  await machine.instruct(await signInstruction(signer, token, 1));
  for (const client of [oldSho, newSho, machine]) client.close();
}

test('the old SHO in the place of the RO: it has every key of its BSF and no certificate of the RO, and gets no request', async () => {
  await withLab(
    async ({ lab, owner }) => {
      await lab.stop(NAMES.ro);
      await instructed(lab, owner);
      const bsf = lab.plan.bsf.find(({ name }) => name === bsfOf(NAMES.oldSho));
      const peer = { url: `https://127.0.0.1:${bsf?.sbi.port}`, serverName: bsfOf(NAMES.oldSho) };
      const routes = [{ bsf: bsfOf(NAMES.oldSho), peer }];
      const zn = createZnClient({ routes, tls: loadTls(await lab.pki.tls(NAMES.ro)) });
      const nothing = createRouter(
        [{ method: 'GET', path: '/ua/v1/delivery', handle: () => ({ status: 204 }) }],
        silentLog,
      );
      const auth = gbaAuth({ fqdn: NAMES.ro, zn, clock: systemClock });
      const proven = auth.protect(nothing);
      for (const [name, served] of [
        [NAMES.oldSho, false],
        [NAMES.stranger, false],
        [NAMES.ro, true],
      ] as const) {
        let passed = 0;
        let requests = 0;
        const server = await listen(
          (req, res) => {
            requests++;
            res.on('finish', () => {
              passed += Number(res.statusCode === 204);
            });
            proven(req, res);
          },
          { ...lab.plan.ro.ua, tls: loadTls(await lab.pki.tls(name)), clientCertificate: 'none', psk: auth.psk },
        );
        for (const machine of lab.machines.values()) await machine.poke();
        await server.close();
        assert.deepEqual([requests > 0, passed > 0], [served, served], `with the certificate of ${name}`);
      }
      zn.close();
    },
    { scenario: { ...EXAMPLE_SCENARIO, basePort: 0 } },
  );
});
