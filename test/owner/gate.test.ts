import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { GbaError, silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { createRouter, listen } from '../../src/http/index.ts';
import { createGate, createOperatorClient, OperatorBusy, patiently } from '../../src/owner/index.ts';

const gateOf = (parallel: number, signal?: AbortSignal) =>
  createGate({ parallel, pause: { firstMs: 40, longestMs: 80 }, clock: systemClock, random: systemRandom, signal });
const busy = (retryAfterMs?: number) => new OperatorBusy('overloaded', 'busy', retryAfterMs);

test('no more requests than allowed are under way at once, and all get through', async () => {
  const gate = gateOf(3);
  let now = 0;
  let most = 0;
  const one = () =>
    gate.through(async () => {
      most = Math.max(most, ++now);
      await delay(1);
      now--;
      if (now === 1) throw new GbaError('refused', 'a failure frees its place too');
    });
  await Promise.allSettled(Array.from({ length: 40 }, one));
  assert.deepEqual([most, now], [3, 0]);
});

test('an operator that asks for less is left alone by all, for as long as it says, longer each time', async () => {
  const gate = gateOf(4);
  const asked = performance.now();
  await assert.rejects(
    gate.through(() => Promise.reject(busy())),
    { code: 'overloaded' },
  );
  await assert.rejects(
    gate.through(() => Promise.reject(busy(70))),
    { code: 'overloaded' },
  );
  await gate.through(async () => undefined);
  // 20 ms at least for the first, 70 for the second: timers may be a millisecond early.
  assert.ok(performance.now() - asked >= 85, `${performance.now() - asked} ms`);
});

test('who is told to stop does not wait for an operator any longer', async () => {
  const controller = new AbortController();
  const gate = createGate({
    parallel: 1,
    pause: { firstMs: 60_000, longestMs: 60_000 },
    clock: systemClock,
    random: systemRandom,
    signal: controller.signal,
  });
  await assert.rejects(
    gate.through(() => Promise.reject(busy())),
    { code: 'overloaded' },
  );
  const waiting = gate.through(async () => undefined);
  controller.abort();
  await assert.rejects(waiting, { code: 'interrupted' });
});

test('patience: what time can mend is tried again, a refusal is not, and the last reason is the one told', async () => {
  const patience = { wallClock: systemClock, random: systemRandom, pace: { firstMs: 1, longestMs: 2 } };
  let tries = 0;
  const third = await patiently(patience, systemClock.now() + 5_000, async () => {
    if (++tries < 3) throw new GbaError('bootstrap-missing', 'not yet', { retryable: true });
    return tries;
  });
  assert.equal(third, 3);
  const refused = patiently(patience, systemClock.now() + 5_000, async () => {
    tries++;
    throw new GbaError('not-owner', 'no');
  });
  await assert.rejects(refused, { code: 'not-owner' });
  assert.equal(tries, 4);
  const over = patiently(patience, systemClock.now() - 1, () => Promise.reject(busy()));
  await assert.rejects(over, { code: 'overloaded' });
});

test('an operator client tells "later" from "no", and from nobody there', async () => {
  const answers: Record<string, { status: number; headers?: Record<string, string>; json?: object }> = {
    '429': { status: 429, headers: { 'retry-after': '7' }, json: { cause: 'TOO_MANY' } },
    '503': { status: 503, headers: { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' } },
    '500': { status: 500 },
    '409': { status: 409, json: { type: 'urn:gba-authz:problem:bootstrap-missing' } },
    '403': { status: 403, json: { type: 'urn:gba-authz:problem:not-owner' } },
  };
  const routes = [
    {
      method: 'GET',
      path: '/owner/v1/orders/:id',
      handle: (c: { params: Record<string, string> }) => answers[c.params['id'] ?? ''] ?? { status: 404 },
    },
  ];
  const server = await listen(createRouter(routes, silentLog), { address: '127.0.0.1', port: 0 });
  const client = createOperatorClient({ url: `http://127.0.0.1:${server.port}` });
  const refusal = (id: string) =>
    client.orderState(id).then(
      () => assert.fail(),
      (error: unknown) => error as GbaError,
    );
  const outcome = async (id: string) => {
    const { code, retryable } = await refusal(id);
    return [code, retryable];
  };
  assert.deepEqual(await outcome('429'), ['TOO_MANY', true]);
  assert.equal(((await refusal('429')) as OperatorBusy).retryAfterMs, 7_000);
  assert.deepEqual(await outcome('503'), ['http-503', true]);
  assert.deepEqual(await outcome('500'), ['http-500', true]);
  assert.deepEqual(await outcome('409'), ['bootstrap-missing', true]);
  assert.deepEqual(await outcome('403'), ['not-owner', false]);
  await server.close();
  assert.deepEqual(await outcome('403'), ['operator-unreachable', true]);
  client.close();
});
