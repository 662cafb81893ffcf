import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemRandom } from '../../src/base/index.ts';
import { makeToken } from '../../src/token/index.ts';
import { startTestBsf } from '../bsf/support.ts';
import { ask, closeNafs, credentialsFor, freshKey, startNaf } from '../naf/support.ts';
import * as ro from '../ro/support.ts';
import * as sho from '../sho/support.ts';
import { exampleClaims, exampleKeys } from '../support/claims.ts';

let operator: sho.Lab;
let registrar: ro.Lab;
before(async () => {
  operator = await sho.startLab();
  registrar = await ro.startLab();
});
after(async () => {
  await operator.close();
  await registrar.close();
  await closeNafs();
});

/** One name in other letters: for a reader who folds, widens or trims it would be the same. */
const forms = (name: string): string[] => [
  name.toUpperCase(),
  `${name} `,
  ` ${name}`,
  `${name}\u200b`,
  `${name}.`,
  name.replace('m', '\uff4d'),
  name.replace('e', 'e\u0301'),
  name.replace('-', '\u2010'),
  name.replace('0', '\u0660'),
];

test('a machine id is one text: no other case, width or composition of it is served by SHO or RO', async () => {
  const machine = operator.bootstrap(sho.OLD_IMPI);
  const newSho = { id: 'sho-b.test', keyHashes: ['11'.repeat(32)] };
  for (const m2meId of forms(sho.M2ME)) {
    assert.equal((await operator.ua(machine, '/ua/v1/bootstraps', { m2meId })).cause(), 'bootstrap-of-another', m2meId);
    const json = { m2meId, newSho, roId: 'ro.test' };
    const answer = await operator.as('owner.test').send('POST', '/owner/v1/releases', { json });
    assert.equal(answer.cause(), 'not-owner', m2meId);
    const path = `/discovery/v1/machines/${encodeURIComponent(m2meId)}`;
    assert.equal((await registrar.as('pva.test').send('GET', path)).cause(), 'machine-unknown', m2meId);
  }
});

test('an operator, RO or PVA is one text too: orders and deliveries under another form of its name are refused', async () => {
  const token = makeToken(exampleClaims(), exampleKeys()).toString('base64');
  const order = { m2meId: sho.M2ME, roId: 'ro.test', pvaId: 'pva.test', algorithms: ['milenage'], token };
  const send = (json: object) => operator.as('owner.test').send('POST', '/owner/v1/orders', { json });
  for (const form of ['RO.test', 'ro.test.', 'ro.test ', '\uff52o.test', 'ro\u3002test']) {
    assert.equal((await send({ ...order, roId: form })).cause(), 'ro-unknown', form);
    assert.equal((await send({ ...order, pvaId: form.replace('ro', 'pva') })).cause(), 'pva-unknown', form);
  }
  for (const id of ['SHO-B.test', 'sho-b.test.', 'sho-\uff42.test']) {
    const json = ro.makeDelivery(systemRandom.bytes(16), systemRandom.bytes(32), {
      newSho: { id, keyHashes: [Buffer.alloc(32, 2)] },
    });
    const answer = await registrar.as('sho-b.test').send('POST', '/sho/v1/deliveries', { json });
    assert.equal(answer.cause(), 'token-wrong-audience', id);
  }
});

test('a serial in the path is lower-case hexadecimal: another form names nothing', async () => {
  const serial = systemRandom.bytes(16);
  const json = ro.makeDelivery(serial, systemRandom.bytes(32));
  assert.equal((await registrar.as('sho-b.test').send('POST', '/sho/v1/deliveries', { json })).status, 201);
  const machine = registrar.bootstrap(ro.OLD_IMPI);
  const name = serial.toString('hex');
  const path = (form: string) => `/ua/v1/deliveries/${encodeURIComponent(form)}/package`;
  for (const form of [name.toUpperCase(), ` ${name}`, `0x${name}`, `${name}/../${name}`, name.replace(/./, '\uff10')]) {
    if (form === name) continue;
    assert.equal((await registrar.ua(machine, 'GET', path(form))).cause(), 'delivery-unknown', form);
  }
});

test('a B-TID in other letters, of another BSF, of an address or a long name gets the challenge of an unknown one', async (t) => {
  const lab = await startTestBsf();
  t.after(() => lab.bsf.close());
  const naf = await startNaf(lab);
  const who = await freshKey(lab);
  const [rand = '', bsf = ''] = who.btid.split('@');
  const others = [
    `${rand}@${bsf.toUpperCase()}`,
    `${rand}@${bsf}.`,
    `${rand}@attacker.test`,
    `${rand}@127.0.0.1`,
    `${rand}@${bsf}:8443`,
    `${rand}@user@${bsf}`,
    `${rand}@${'a'.repeat(64)}.test`,
    `${rand}@${'a.'.repeat(150)}test`,
    `${rand.slice(0, -2)}@${bsf}`,
    `${rand.toLowerCase()}@${bsf}`,
  ];
  const challenge = await ask(naf.url);
  for (const btid of others) {
    if (btid === who.btid) continue;
    assert.equal((await ask(naf.url, credentialsFor(challenge, { ...who, btid }))).status, 401, btid);
  }
  assert.equal((await ask(naf.url, credentialsFor(challenge, who))).status, 200);
});
