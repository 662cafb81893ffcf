import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTls } from '../../src/http/index.ts';
import { createMachineClient, createOperatorClient, NAMES, signingRequest } from '../../src/lab/index.ts';
import { packageDigest, verifyPackage } from '../../src/mcim/index.ts';
import { boundTagMatches, makeToken, narrowToken, readBoundToken, readToken } from '../../src/token/index.ts';
import { signCms } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { EXAMPLE, exampleClaims, exampleKeys } from '../support/claims.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';
import { twinOf } from './twin.ts';

test('a package with the twin (r, n-s) of its signature verifies, and is another package to the token', async () => {
  const signer = await makeSigner('sho-b.test', await makeAuthority('CA'));
  const original = await signCms(Buffer.from('an envelope'), signer);
  const twin = twinOf(original);
  assert.notDeepEqual(twin, original);
  assert.deepEqual(twinOf(twin), original);
  assert.equal((await verifyPackage(twin)).envelope.toString(), 'an envelope');
  const token = readToken(makeToken(exampleClaims(), exampleKeys()));
  const bound = await readBoundToken(narrowToken(token, packageDigest(original), EXAMPLE.newShoId));
  const { install } = exampleKeys();
  assert.equal(boundTagMatches(bound, install, packageDigest(original), EXAMPLE.newShoId), true);
  assert.equal(boundTagMatches(bound, install, packageDigest(twin), EXAMPLE.newShoId), false);
});

test("a machine's consent and its twin are one consent: the old SHO gives one token for both", async () => {
  await withLab(
    async ({ lab, owner }) => {
      const tls = loadTls(await lab.pki.tls(NAMES.owner));
      const at = (id: string) => {
        const port = lab.plan.sho.find((sho) => sho.id === id)?.sbi.port;
        return createOperatorClient({ url: `https://127.0.0.1:${port}`, serverName: id, tls });
      };
      const [oldSho, newSho] = [at(NAMES.oldSho), at(NAMES.newSho)];
      await Promise.all([...lab.machines.values()].map((machine) => machine.poke()));
      const newShoKeys = await newSho.signingKeys();
      const wish = { m2meId: 'm2me-0001', newSho: newShoKeys, roId: NAMES.ro, variant: 'signed' } as const;
      const { serial, claims } = await oldSho.release(wish);
      const machine = createMachineClient(`http://127.0.0.1:${lab.plan.m2me[0]?.local.port}`);
      const request = await signingRequest(owner.signer, 'm2me-0001', claims, 1);
      const { signature = '' } = await machine.instruct(request);
      const consent = Buffer.from(signature, 'base64');
      const first = await oldSho.consent(serial, twinOf(consent));
      const second = await oldSho.consent(serial, consent);
      assert.ok(first.token !== undefined);
      assert.deepEqual(second.token, first.token);
      assert.equal((await lab.stores.get(NAMES.oldSho)?.list('release'))?.length, 1);
      for (const client of [oldSho, newSho, machine]) client.close();
    },
    { scenario: { ...EXAMPLE_SCENARIO, basePort: 0 } },
  );
});
