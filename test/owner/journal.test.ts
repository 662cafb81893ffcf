import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/base/index.ts';
import { createOwnerJournal, openOwnerJournal, phaseOf } from '../../src/owner/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';
import { silentStore } from './support.ts';

const root = mkdtempSync(join(tmpdir(), 'gba-journal-'));
after(() => rmSync(root, { recursive: true, force: true }));
const open = (name: string) => openOwnerJournal(join(root, name), systemClock);

test("the owner's journal goes on where it stopped, and is for the owner's eyes only", async () => {
  const journal = await open('a');
  assert.equal(journal.allDone(), false);
  await journal.note('m2me-0001', { serial: '00'.repeat(16) });
  await journal.note('m2me-0001', { orderId: 'order' });
  assert.equal(statSync(join(root, 'a')).mode & 0o777, 0o700);
  await journal.close();
  const again = await open('a');
  assert.deepEqual(again.of('m2me-0001'), { serial: '00'.repeat(16), orderId: 'order' });
  assert.equal(again.allDone(), false);
  await again.note('m2me-0001', { end: { state: 'done' }, serial: undefined });
  await again.close();
  const third = await open('a');
  assert.deepEqual(third.of('m2me-0001'), { orderId: 'order', end: { state: 'done' } });
  assert.equal(third.allDone(), true);
  await third.close();
});

test('a record that another process wrote meanwhile is not written over', async () => {
  const mine = await open('b');
  const other = await open('b');
  await other.note('m', { serial: '01' });
  await assert.rejects(mine.note('m', { serial: '02' }), { code: 'journal-busy' });
  await mine.note('n', { serial: '03' });
  assert.equal(mine.of('m').serial, undefined);
  await Promise.all([mine.close(), other.close()]);
});

test('a write that the store did not answer may have happened: the next one goes on from what is there', async () => {
  const store = silentStore();
  const journal = await createOwnerJournal(store);
  await journal.note('m', { serial: '01' });
  store.silent = true;
  await assert.rejects(journal.note('m', { orderId: 'o' }), { code: 'store-unavailable' });
  assert.equal(journal.of('m').orderId, undefined);
  store.silent = false;
  assert.equal((await journal.sure('m')).orderId, 'o');
  store.silent = true;
  await assert.rejects(journal.note('m', { to: 'x' }), { code: 'store-unavailable' });
  store.silent = false;
  await journal.note('m', { instructed: true });
  assert.deepEqual(journal.of('m'), { serial: '01', orderId: 'o', to: 'x', instructed: true });
});

test('notes of one machine at the same moment all arrive; a forgotten change begins with nothing', async () => {
  const journal = await open('c');
  const notes = [{ serial: '01' }, { token: 'dA==' }, { orderId: 'o' }, { instructed: true }];
  await Promise.all(notes.map((note) => journal.note('m', note)));
  assert.deepEqual(journal.of('m'), { serial: '01', token: 'dA==', orderId: 'o', instructed: true });
  assert.equal(phaseOf(journal.of('m')), 'instructed');
  await journal.forget('m');
  assert.equal(phaseOf(journal.of('m')), 'new');
  await journal.close();
});

test('a record of another release of this program is refused, not guessed at', async () => {
  const store = openLmdbStore(join(root, 'd'), systemClock);
  await store.commit([{ space: 'owner-change', key: 'm', put: { stage: 3 } }]);
  await store.close();
  await assert.rejects(open('d'), { code: 'journal-invalid' });
});
