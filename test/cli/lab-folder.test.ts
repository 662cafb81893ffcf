import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openLabFolder } from '../../src/cli/lab-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'gba-folder-'));
after(() => rmSync(root, { recursive: true, force: true }));

const ended = (dir: string): void =>
  writeFileSync(join(dir, 'owner.json'), JSON.stringify({ 'm2me-0001': { serial: '00', done: true } }));

test('a folder with files that no lab made is refused, now and the next time, and nothing in it is touched', async () => {
  const dir = join(root, 'home');
  mkdirSync(dir);
  writeFileSync(join(dir, 'thesis.txt'), 'years of work');
  ended(dir);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(openLabFolder(dir), { code: 'lab-folder-foreign' });
    assert.deepEqual(readdirSync(dir).sort(), ['owner.json', 'thesis.txt']);
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
  writeFileSync(join(dir, 'store'), 'state');
  ended(dir);
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
  writeFileSync(join(dir, 'owner.json'), JSON.stringify({ 'm2me-0001': { serial: '00' } }));
  const again = await openLabFolder(dir);
  assert.equal(again.afresh, false);
  assert.ok(existsSync(join(dir, 'owner.json')));
  await again.release();
});
