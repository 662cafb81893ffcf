import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { UA_HTTP_DIGEST, UA_PKI_PORTAL } from '../../src/gba/index.ts';
import { gbaAuth } from '../../src/naf/index.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { bootstrap, uaPassword } from '../support/ue.ts';
import { ask, closeNafs, credentialsFor, type Lab, startNaf } from './support.ts';

let lab: Lab;
before(async () => {
  lab = await startTestBsf();
});
after(async () => {
  await closeNafs();
  await lab.bsf.close();
});

test('a protocol with an identifier of its own has a key of its own, and no other serves', async () => {
  const portal = await startNaf(lab, { uaId: UA_PKI_PORTAL });
  const page = await startNaf(lab);
  const run = await bootstrap(lab.ub, lab.subscriber, BSF);
  const statusOf = async (naf: typeof portal, uaId: Uint8Array) => {
    const who = { btid: run.btid, password: uaPassword(run, NAF, uaId) };
    return (await ask(naf.url, credentialsFor(await ask(naf.url), who))).status;
  };
  assert.equal(await statusOf(portal, UA_HTTP_DIGEST), 401);
  assert.equal(await statusOf(portal, UA_PKI_PORTAL), 200);
  assert.equal(await statusOf(page, UA_PKI_PORTAL), 401);
  assert.equal(await statusOf(page, UA_HTTP_DIGEST), 200);
});

test('an identifier of another length is no identifier', () => {
  const zn = { fetch: () => Promise.reject(new Error('unused')) };
  for (const uaId of [Buffer.alloc(0), Buffer.alloc(4), Buffer.alloc(6)]) {
    assert.throws(() => gbaAuth({ fqdn: NAF, zn, uaId }), { code: 'naf-id-invalid' });
  }
});
