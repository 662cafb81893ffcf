import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { becomes, fromPva, fromRo, HOUR, order, resultFor, stateOf } from './ordering-support.ts';
import { eventually, type Lab, startLab } from './support.ts';

/** What the owner is told of an order while it is under way. */

let lab: Lab;
before(async () => {
  lab = await startLab(['1@b.test', '2@b.test', '3@b.test']);
});
after(() => lab.close());

const waitingOf = async (orderId: string) => (await stateOf(lab, orderId))['waiting'] as Record<string, unknown>;
const stepsOf = async (orderId: string) =>
  ((await stateOf(lab, orderId))['steps'] as { step: number }[]).map(({ step }) => step);
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

test('each state says who is waited for; a peer that does not answer, how often and when next', async () => {
  lab.down.add('/sho/v1/validations');
  const { orderId, r } = await order(lab);
  await eventually(async () => (await waitingOf(orderId))['attempts'] !== undefined);
  const asking = await waitingOf(orderId);
  assert.deepEqual([asking['for'], asking['step']], ['pva', 3]);
  assert.ok(Number(asking['attempts']) >= 1);
  assert.match(String(asking['nextAttemptAt']), TIME);
  const told = await stateOf(lab, orderId);
  assert.match(String(told['since']), TIME);
  assert.match(String(told['endsAt']), TIME, 'nothing was delivered yet: the end of the token ends it');
  lab.down.clear();
  await eventually(async () => (await waitingOf(orderId))['for'] === 'machine');
  assert.deepEqual(await waitingOf(orderId), { for: 'machine', step: 4 });

  lab.down.add('hss.test');
  assert.equal((await fromPva(lab, await resultFor(lab, orderId))).status, 204);
  await eventually(async () => (await waitingOf(orderId))['attempts'] !== undefined);
  assert.equal((await waitingOf(orderId))['for'], 'operator');
  lab.down.clear();
  lab.down.add('/sho/v1/deliveries');
  await becomes(lab, orderId, 'delivering');
  await eventually(async () => (await waitingOf(orderId))['attempts'] !== undefined);
  assert.equal((await waitingOf(orderId))['for'], 'ro');
  assert.equal((await stateOf(lab, orderId))['endsAt'], undefined, 'the RO may have it already: only forward');
  lab.down.clear();
  await becomes(lab, orderId, 'delivered');
  assert.deepEqual(await waitingOf(orderId), { for: 'machine', step: 7 });
  assert.deepEqual(await stepsOf(orderId), [1, 5, 6]);

  assert.equal((await fromRo(lab, 'releases', { orderId, r: r.toString('hex') })).status, 204);
  assert.deepEqual(await waitingOf(orderId), { for: 'machine', step: 13 });
  lab.down.add('/sho/v1/registrations');
  const result = { orderId, outcome: 'success', reason: '', digest: '0'.repeat(64) };
  assert.equal((await fromRo(lab, 'results', result)).status, 204);
  assert.equal((await waitingOf(orderId))['for'], 'ro');
  lab.down.clear();
  await becomes(lab, orderId, 'done');
  assert.equal(await waitingOf(orderId), undefined);
  assert.deepEqual(await stepsOf(orderId), [1, 5, 6, 11, 13, 14]);
});

test('an order that nobody brings to its delivery ends with its token, and says so', async () => {
  lab.down.add('/sho/v1/validations');
  const { orderId } = await order(lab);
  lab.time.ahead = 2 * HOUR;
  await lab.restart(['sho-a.test']);
  await becomes(lab, orderId, 'refused');
  assert.equal((await stateOf(lab, orderId))['reason'], 'token-expired');
  assert.equal(await waitingOf(orderId), undefined);
  lab.time.ahead = 0;
  lab.down.clear();
  const asked = () => lab.received.filter(({ json }) => json['orderId'] === orderId).length;
  await lab.restart(['sho-a.test']);
  const { orderId: next } = await order(lab);
  await eventually(() => lab.received.some(({ json }) => json['orderId'] === next));
  assert.equal(asked(), 0, 'the PVA is not asked for an order that has ended');
});

test('an order that ends while its subscription is on the way to the HSS leaves none there', async () => {
  const own = await startLab(['only@b.test']);
  try {
    own.down.add('hss.test');
    const { orderId } = await order(own);
    assert.equal((await fromPva(own, await resultFor(own, orderId))).status, 204);
    await becomes(own, orderId, 'preparing');
    own.time.ahead = 2 * HOUR;
    let letGo = () => {};
    own.hold.puts = new Promise((resolve) => {
      letGo = resolve;
    });
    own.down.clear();
    await own.restart(['sho-a.test']);
    await becomes(own, orderId, 'refused');
    // The withdrawal has been at the HSS before what it withdraws.
    await new Promise((resolve) => setTimeout(resolve, 300));
    letGo();
    own.hold.puts = undefined;
    await eventually(() => own.hssHas('only@b.test'));
    await eventually(async () => !(await own.hssHas('only@b.test')));
  } finally {
    await own.close();
  }
});
