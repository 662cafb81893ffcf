import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, type Lab, M2ME, OLD_IMPI, startLab } from './support.ts';

const HOUR = 3_600_000;
let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab.close());

test('a token that ran out and came back from nobody: the old SHO asks the machine by itself', async () => {
  lab.time.ahead = 0;
  await lab.restart(['sho-a.test']);
  const made = lab.bootstrap(OLD_IMPI);
  assert.equal((await lab.ua(made, '/ua/v1/bootstraps', { m2meId: M2ME })).status, 204);
  const newSho = { id: 'sho-b.test', keyHashes: ['11'.repeat(32)] };
  const json = { m2meId: M2ME, newSho, roId: 'ro.test' };
  const answer = await lab.as('owner.test').send('POST', '/owner/v1/releases', { json });
  const { serial } = JSON.parse(answer.body.toString()) as { serial: string };
  const stateOfRelease = async () => {
    const asked = await lab.as('owner.test').send('GET', `/owner/v1/releases/${serial}`);
    return (JSON.parse(asked.body.toString()) as { state: string }).state;
  };
  await lab.restart(['sho-a.test']);
  assert.equal(await stateOfRelease(), 'issued');
  lab.time.ahead = 2 * HOUR;
  await lab.restart(['sho-a.test']);
  await eventually(async () => (await stateOfRelease()) === 'recalling');
  lab.time.ahead = 0;
});
