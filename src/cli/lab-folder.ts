import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GbaError, systemClock } from '../base/index.ts';
import { fleetFile, ownerJournalPath } from '../lab/index.ts';
import { isSettled, openOwnerJournal, parseFleet } from '../owner/index.ts';
import { lockFolder } from './folder-lock.ts';

/** Only a folder with this file is ever emptied: it says that a lab made the folder. */
const MARK = '.gba-lab';

export interface LabFolder {
  /** What an ended change had left was cleared. */
  afresh: boolean;
  release(): Promise<void>;
}

/**
 * Takes the folder for one lab: makes it, clears it when its change has ended, leaves an unfinished one to go on. Throws
 * `lab-folder-foreign` for a folder with other things in it, `lab-running` while another lab is there.
 */
export async function openLabFolder(dir: string): Promise<LabFolder> {
  const before = contents(dir);
  if (before === undefined || (before.length > 0 && !before.includes(MARK))) {
    throw new GbaError('lab-folder-foreign', `${dir} is not empty and no lab made it: name another with --dir`);
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(dir);
  if (lock === undefined) {
    throw new GbaError('lab-running', `a lab is running in ${dir}: stop it, or name another folder with --dir`);
  }
  const afresh = before.includes(MARK) && (await hasEnded(dir));
  if (afresh) {
    for (const name of before) if (name !== MARK) rmSync(join(dir, name), { recursive: true });
  }
  writeFileSync(join(dir, MARK), 'made by gba lab; emptied when its change has ended\n');
  return { afresh, release: lock.release };
}

/** Some change was begun there and none is unfinished. */
async function hasEnded(dir: string): Promise<boolean> {
  const path = ownerJournalPath(dir);
  if (!existsSync(path)) return false;
  const journal = await openOwnerJournal(path, systemClock);
  const ended = journal.allDone() && fleetOf(dir).every((id) => isSettled(journal.of(id)));
  await journal.close();
  return ended;
}

/** The machines of the fleet that was started there, if any. */
function fleetOf(dir: string): string[] {
  const path = fleetFile(dir);
  return existsSync(path) ? parseFleet(readFileSync(path)).map(({ m2meId }) => m2meId) : [];
}

/** Names in the folder, none when there is no folder yet; undefined for what is no folder. */
function contents(dir: string): string[] | undefined {
  const info = statSync(dir, { throwIfNoEntry: false });
  if (info === undefined) return [];
  return info.isDirectory() ? readdirSync(dir) : undefined;
}
