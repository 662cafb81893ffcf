import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkAutn, makeAuts } from '../../src/aka/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';
import { dir, IMPI, makeCard, startTestHss, type TestHss, type Vector } from './support.ts';

const sqnOf = ({ rand, autn }: Vector): string => {
  const opened = checkAutn(makeCard().keys, rand, autn);
  assert.ok(opened.ok);
  return opened.sqn.toString('hex');
};
const versionOf = async (hss: TestHss) => (await hss.store.get('subscriber', IMPI))?.version;

for (const driver of ['memory', 'lmdb'] as const) {
  test(`${driver}: concurrent requests never share a sequence number, and a card takes all of them in order`, async () => {
    const path = mkdtempSync(join(dir, 'store-'));
    const store = driver === 'lmdb' ? { store: openLmdbStore(path, { now: () => 1 }) } : {};
    const hss = await startTestHss(store);
    await hss.provision();
    const vectors = await Promise.all(Array.from({ length: 32 }, () => hss.vector()));
    const numbers = vectors.map((vector) => ({ vector, sqn: sqnOf(vector) })).sort((a, b) => (a.sqn < b.sqn ? -1 : 1));
    assert.equal(new Set(numbers.map(({ sqn }) => sqn)).size, 32);
    const card = makeCard();
    for (const { vector } of numbers) assert.equal(card.take(vector).result, 'ok');
    assert.equal(await versionOf(hss), 33, 'one write a vector');
    await hss.close();
    await store.store?.close();
    rmSync(path, { recursive: true });
  });
}

test('counter: an HSS that starts again goes on above its last number', async () => {
  const path = mkdtempSync(join(dir, 'store-'));
  const card = makeCard();
  for (let start = 0; start < 3; start++) {
    const store = openLmdbStore(path, { now: () => 1 });
    const hss = await startTestHss({ store });
    if (start === 0) await hss.provision();
    assert.equal(card.take(await hss.vector()).result, 'ok');
    await hss.close();
    await store.close();
  }
  assert.equal(Math.max(...card.sqn.seqs), 3);
  rmSync(path, { recursive: true });
});

test('time: no vector is a write, concurrent ones differ, a fresh card takes them', async () => {
  const hss = await startTestHss({ config: { sqnScheme: 'time' } });
  await hss.provision();
  const vectors = await Promise.all(Array.from({ length: 32 }, () => hss.vector()));
  const numbers = vectors.map((vector) => ({ vector, sqn: sqnOf(vector) })).sort((a, b) => (a.sqn < b.sqn ? -1 : 1));
  assert.equal(new Set(numbers.map(({ sqn }) => sqn)).size, 32);
  const card = makeCard();
  for (const { vector } of numbers) assert.equal(card.take(vector).result, 'ok');
  assert.equal(await versionOf(hss), 1);
  await hss.close();
});

test('time: an HSS that starts again follows the clock', async () => {
  const first = await startTestHss({ config: { sqnScheme: 'time' } });
  await first.provision();
  const card = makeCard();
  for (let i = 0; i < 5; i++) assert.equal(card.take(await first.vector()).result, 'ok');
  await first.close();
  const config = { sqnScheme: 'time' };
  const second = await startTestHss({ config, store: first.store, now: first.time.now + 1_000 });
  assert.equal(card.take(await second.vector()).result, 'ok');
  assert.equal(await versionOf(second), 1);
  await second.close();
});

test('time: a resynchronisation is the one write, is durable, and its repeats share no number', async () => {
  const hss = await startTestHss({ config: { sqnScheme: 'time' } });
  await hss.provision();
  const { rand } = await hss.vector();
  const card = makeCard();
  card.sqn = { ...card.sqn, seqs: card.sqn.seqs.map(() => 90_000) };
  const auts = makeAuts(card.keys, rand, Buffer.from((90_000 * 32).toString(16).padStart(12, '0'), 'hex'));
  const repeats = await Promise.all(Array.from({ length: 8 }, () => hss.vector(IMPI, { rand, auts })));
  assert.equal(new Set(repeats.map(sqnOf)).size, 8);
  assert.equal(await versionOf(hss), 2);
  const numbers = [...repeats].sort((a, b) => (sqnOf(a) < sqnOf(b) ? -1 : 1));
  for (const vector of numbers) assert.equal(card.take(vector).result, 'ok');
  await hss.close();
  const again = await startTestHss({ config: { sqnScheme: 'time' }, store: hss.store, now: hss.time.now + 60_000 });
  assert.equal(card.take(await again.vector()).result, 'ok');
  await again.close();
});

test('provisioning anew never takes the number back, not even when the scheme changes', async () => {
  let hss = await startTestHss();
  await hss.provision({ sqn: '000000010000' });
  const card = makeCard();
  for (const sqnScheme of ['counter', 'time', 'counter', 'time']) {
    const { store } = hss;
    await hss.close();
    hss = await startTestHss({ store, config: { sqnScheme } });
    assert.equal((await hss.provision()).status, 204);
    for (let i = 0; i < 3; i++) assert.equal(card.take(await hss.vector()).result, 'ok', sqnScheme);
  }
  assert.ok(Math.max(...card.sqn.seqs) > 0x10000 / 32);
  await hss.close();
});
