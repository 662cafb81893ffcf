import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemRandom } from '../../src/base/index.ts';
import type { Answer } from '../../src/http/index.ts';
import { makeRelay, makeResult } from '../../src/token/index.ts';
import * as ro from '../ro/support.ts';
import * as sho from '../sho/support.ts';

let operator: sho.Lab;
let registrar: ro.Lab;
const serial = systemRandom.bytes(16);
const name = serial.toString('hex');
const unknown = systemRandom.bytes(16).toString('hex');
let owned = '';

before(async () => {
  operator = await sho.startLab();
  await operator.provision(sho.OLD_IMPI);
  const machine = operator.bootstrap(sho.OLD_IMPI);
  await operator.ua(machine, '/ua/v1/bootstraps', { m2meId: sho.M2ME });
  const newSho = { id: 'sho-b.test', keyHashes: ['11'.repeat(32)] };
  const json = { m2meId: sho.M2ME, newSho, roId: 'ro.test' };
  const answer = await operator.as('owner.test').send('POST', '/owner/v1/releases', { json });
  owned = (JSON.parse(answer.body.toString()) as { serial: string }).serial;
  registrar = await ro.startLab();
  const delivery = ro.makeDelivery(serial, systemRandom.bytes(32));
  await registrar.as('sho-b.test').send('POST', '/sho/v1/deliveries', { json: delivery });
});
after(async () => {
  await operator.close();
  await registrar.close();
});

/** What whoever asks sees: status, headers but the date, body. */
function seen({ status, headers, body }: Answer): string {
  const { date: _, ...rest } = headers;
  return JSON.stringify([status, rest, body.toString()]);
}

/** All answers are one refusal. */
function alike(answers: readonly Answer[], code: string): void {
  for (const answer of answers) assert.equal(answer.cause(), code);
  assert.equal(new Set(answers.map(seen)).size, 1, answers.map(seen).join('\n'));
}

test('old SHO: a release of somebody else and one that nobody has are the same to a stranger', async () => {
  const stranger = operator.as('stranger.test');
  for (const path of ['', '/recall', '/consent']) {
    const ask = (which: string) =>
      path === ''
        ? stranger.send('GET', `/owner/v1/releases/${which}`)
        : stranger.send('POST', `/owner/v1/releases/${which}${path}`, { json: { signature: 'AAAA' } });
    alike([await ask(owned), await ask(unknown)], 'release-unknown');
  }
});

test('old SHO: a machine of another owner and one that nobody has are the same to a stranger', async () => {
  const ask = (m2meId: string) =>
    operator.as('stranger.test').send('POST', '/owner/v1/releases', {
      json: { m2meId, newSho: { id: 'sho-b.test', keyHashes: ['11'.repeat(32)] }, roId: 'ro.test' },
    });
  alike([await ask(sho.M2ME), await ask('m2me-9999')], 'not-owner');
});

test('old SHO: for a machine that proved another subscription, no machine is known', async () => {
  const other = operator.bootstrap('somebody@bsf.test');
  const ask = (m2meId: string) => operator.ua(other, '/ua/v1/bootstraps', { m2meId });
  const [mine, nobodys] = [await ask(sho.M2ME), await ask('m2me-9999')];
  assert.deepEqual([mine.status, mine.body.toString()], [nobodys.status, nobodys.body.toString()]);
  assert.equal(mine.cause(), 'bootstrap-of-another');
});

test('RO: discovery of a machine by who is not concerned is the discovery of one that is not there', async () => {
  for (const who of ['stranger.test', 'sho-b.test', 'sho-c.test']) {
    const ask = (m2meId: string) => registrar.as(who).send('GET', `/discovery/v1/machines/${m2meId}`);
    alike([await ask(ro.M2ME), await ask('m2me-9999'), await ask(ro.M2ME.toUpperCase())], 'machine-unknown');
  }
});

test('RO: a delivery for another machine and one that is not there are the same on every door of machines', async () => {
  const other = registrar.bootstrap('somebody@bsf.test');
  const bodyOf = ({ status, body }: Answer) => `${status} ${body}`;
  const refusal = { reason: 'token-expired', return: '' };
  for (const [method, path, json] of [
    ['GET', '/ua/v1/deliveries/SERIAL/package', undefined],
    ['POST', '/ua/v1/deliveries/SERIAL/refusals', refusal],
  ] as const) {
    const ask = (which: string) => registrar.ua(other, method, path.replace('SERIAL', which), json);
    const [known, none] = [await ask(name), await ask(unknown)];
    assert.equal(known.cause(), 'delivery-unknown', path);
    assert.equal(bodyOf(known), bodyOf(none), path);
  }
});

test('RO: messages by their MAC: a serial that is there and one that is not get the same octets', async () => {
  const keysOf = (which: string) => registrar.roKeys(registrar.bootstrap(ro.OLD_IMPI), Buffer.from(which, 'hex'));
  const relayed = (which: string) =>
    makeRelay({ serial: Buffer.from(which, 'hex'), r: Buffer.alloc(32) }, keysOf(which).relay);
  const resultOf = (which: string) => {
    const about = { serial: Buffer.from(which, 'hex'), packageDigest: Buffer.alloc(32) };
    return makeResult({ ...about, outcome: 'failure', reason: 'x' }, keysOf(which).result);
  };
  for (const [path, make, code] of [
    ['acknowledgements', relayed, 'acknowledgement-invalid'],
    ['results', resultOf, 'result-invalid'],
    ['corrections', resultOf, 'result-invalid'],
    ['corrections/package', resultOf, 'result-invalid'],
  ] as const) {
    const send = (which: string) => registrar.device.send('POST', `/m2me/v1/${path}`, { bytes: make(which) });
    alike([await send(name), await send(unknown)], code);
  }
});
