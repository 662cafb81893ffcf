import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { codeOf } from '../../src/base/index.ts';
import { createOutstanding } from '../../src/bsf/outstanding.ts';
import { bootstrap, type RawAnswer, send, type TestSubscriber, testSubscriber, ubHeaders } from '../support/ue.ts';
import { BSF, startTestBsf } from './support.ts';

/** A flood at Ub: it burns few sequence numbers, ends no context, and a real phone gets through it. */

type Lab = Awaited<ReturnType<typeof startTestBsf>>;
const PER_IDENTITY = 12;
const FROM_ONE = 3;
const PER_ADDRESS = 20;
const TOTAL = 60;
let lab: Lab;
let phone: TestSubscriber;
let serial = 0;

before(async () => {
  lab = await startTestBsf({
    config: {
      maxOutstanding: PER_IDENTITY,
      maxOutstandingFromOne: FROM_ONE,
      maxOutstandingPerAddress: PER_ADDRESS,
      maxOutstandingTotal: TOTAL,
    },
  });
});
after(() => lab.bsf.close());
beforeEach(() => {
  lab.time.now += 30_000;
  phone = testSubscriber(`phone${++serial}@ims.test`);
  lab.hss.add(phone.impi, phone.keys);
});

const ask = (username: string, from: string): Promise<RawAnswer> =>
  send(lab.ub, { from, headers: ubHeaders({ username, realm: BSF, nonce: '', uri: '/', response: '' }) });
const contexts = async () => (await lab.store.list('bsf-context')).map(({ key }) => key);
const challenges = async () => (await lab.store.list('bsf-challenge')).length;

/** So many requests, some at a time; how many of them got a challenge. */
async function flood(count: number, one: (i: number) => Promise<RawAnswer>): Promise<number> {
  let challenged = 0;
  for (let i = 0; i < count; i += 10) {
    const answers = await Promise.all(Array.from({ length: Math.min(10, count - i) }, (_, k) => one(i + k)));
    challenged += answers.filter(({ status }) => status === 401).length;
    for (const { status } of answers) assert.ok(status === 401 || status === 503, String(status));
  }
  return challenged;
}

test('a stranger who floods a subscriber from one address costs it few vectors and does not shut it out', async () => {
  const first = await bootstrap(lab.ub, phone, BSF);
  const burnt = lab.hss.state.vectors;
  assert.equal(await flood(300, () => ask(phone.impi, '127.0.0.9')), FROM_ONE);
  assert.equal(lab.hss.state.vectors - burnt, FROM_ONE);
  const again = await bootstrap(lab.ub, phone, BSF);
  const kept = await contexts();
  assert.ok(kept.includes(first.btid) && kept.includes(again.btid), 'no live context had to go');
});

test('the IMPI and the TMPI of a subscriber share its vectors', async () => {
  const { tmpi } = await bootstrap(lab.ub, phone, BSF);
  const burnt = lab.hss.state.vectors;
  await flood(20, (i) => ask(i % 2 === 0 ? phone.impi : tmpi, '127.0.0.9'));
  assert.equal(lab.hss.state.vectors - burnt, FROM_ONE);
});

test('a flood of one subscriber from many addresses burns no more than its share, and its next window is free', async () => {
  const burnt = lab.hss.state.vectors;
  await flood(400, (i) => ask(phone.impi, `127.0.1.${1 + (i % 40)}`));
  assert.equal(lab.hss.state.vectors - burnt, PER_IDENTITY);
  const other = testSubscriber('other@ims.test');
  lab.hss.add(other.impi, other.keys);
  await bootstrap(lab.ub, other, BSF);
  lab.time.now += 30_000;
  await bootstrap(lab.ub, phone, BSF);
});

test('an address that names everybody is stopped; phones at other addresses are served, and all contexts live on', async () => {
  const names = Array.from({ length: 50 }, (_, i) => `victim${i}@ims.test`);
  for (const name of names) lab.hss.add(name, testSubscriber(name).keys);
  const { btid } = await bootstrap(lab.ub, phone, BSF);
  const burnt = lab.hss.state.vectors;
  const stranger = flood(500, (i) => ask(names[i % names.length] ?? '', '127.0.0.9'));
  // In the middle of it, again and again.
  for (let i = 0; i < 3; i++) await bootstrap(lab.ub, phone, BSF);
  assert.equal(await stranger, PER_ADDRESS);
  assert.equal(lab.hss.state.vectors - burnt, PER_ADDRESS + 3);
  assert.ok((await contexts()).includes(btid));
});

test('names that nobody has count alike, so the limits tell nothing', async () => {
  assert.equal(await flood(100, (i) => ask(`nobody${i}@ims.test`, '127.0.0.9')), PER_ADDRESS);
  assert.equal(await flood(100, () => ask('nobody@ims.test', '127.0.0.8')), FROM_ONE);
});

test('however many addresses: what waits for an answer is bounded, and so are vectors; the log counts, it does not list', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `crowd${i}@ims.test`);
  for (const name of names) lab.hss.add(name, testSubscriber(name).keys);
  const [burnt, held, lines] = [lab.hss.state.vectors, await challenges(), lab.events.length];
  assert.equal(await flood(600, (i) => ask(names[i % 100] ?? '', `127.0.2.${1 + (i % 200)}`)), TOTAL);
  assert.equal(lab.hss.state.vectors - burnt, TOTAL);
  assert.ok((await challenges()) - held <= TOTAL);
  assert.ok(lab.events.length - lines < 5, 'a line for each would be one more flood');
});

test('memory of the limits does not grow with names and addresses, and a clock set back begins a new window', () => {
  const limits = { perIdentity: 60_000, perIdentityAndAddress: 60_000, perAddress: 60_000, total: 1_000_000 };
  const outstanding = createOutstanding(limits, 30_000, 1);
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  for (let i = 0; i < 300_000; i++) outstanding.begin(`u${i}@x`, `10.${i & 255}.${(i >> 8) & 255}.1`, 1_000_000);
  assert.ok(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before < 64 * 1024 * 1024);
  const tight = createOutstanding({ ...limits, total: 1 }, 30_000, 1);
  tight.begin('a', '', 1_000_000);
  assert.throws(
    () => tight.begin('b', '', 1_000_000),
    (error) => codeOf(error) === 'overloaded',
  );
  tight.begin('b', '', 1_000);
});
