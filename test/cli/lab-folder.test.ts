import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/base/index.ts';
import { openLabFolder } from '../../src/cli/lab-folder.ts';
import { ownerJournalPath } from '../../src/lab/index.ts';
import { openOwnerJournal, type Progress } from '../../src/owner/index.ts';

const root = mkdtempSync(join(tmpdir(), 'gba-folder-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** What a lab's owner leaves of one change. */
async function journalled(dir: string, progress: Progress): Promise<void> {
  const journal = await openOwnerJournal(ownerJournalPath(dir), systemClock);
  await journal.note('m2me-0001', progress);
  await journal.close();
}

const ended = (dir: string): Promise<void> => journalled(dir, { serial: '00', end: { state: 'done' } });

test('a folder with files that no lab made is refused, now and the next time, and nothing in it is touched', async () => {
  const dir = join(root, 'home');
  mkdirSync(dir);
  writeFileSync(join(dir, 'thesis.txt'), 'years of work');
  await ended(dir);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(openLabFolder(dir), { code: 'lab-folder-foreign' });
    assert.deepEqual(readdirSync(dir).sort(), ['store', 'thesis.txt']);
  }
});

test('what is no folder is refused', async () => {
  const path = join(root, 'file');
  writeFileSync(path, '');
  await assert.rejects(openLabFolder(path), { code: 'lab-folder-foreign' });
});

test('a folder is one lab’s at a time; what an ended change left is cleared for the next one', async () => {
  const dir = join(root, 'lab');
  const first = await openLabFolder(dir);
  assert.equal(first.afresh, false);
  await ended(dir);
  await assert.rejects(openLabFolder(dir), { code: 'lab-running' });
  assert.ok(existsSync(join(dir, 'store')));
  await first.release();

  const second = await openLabFolder(dir);
  assert.equal(second.afresh, true);
  assert.deepEqual(readdirSync(dir), ['.gba-lab']);
  await second.release();
});

test('an unfinished change is kept', async () => {
  const dir = join(root, 'unfinished');
  await (await openLabFolder(dir)).release();
  await journalled(dir, { serial: '00' });
  const again = await openLabFolder(dir);
  assert.equal(again.afresh, false);
  assert.ok(existsSync(ownerJournalPath(dir)));
  await again.release();
});
