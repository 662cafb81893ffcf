import { type Clock, GbaError } from '../base/index.ts';
import { type Entry, openLmdbStore, type Store } from '../store/index.ts';
import { isSettled, type Progress, progressSchema } from './progress.ts';

const SPACE = 'owner-change';

/**
 * How far the owner has come with each machine: one durable record each, so that a step of one of many machines writes that
 * record and no other. Whoever is killed goes on from there.
 */
export interface OwnerJournal {
  of(m2meId: string): Progress;
  /** As `of`, after the store was asked what became of a write that it had not answered. */
  sure(m2meId: string): Promise<Progress>;
  /** Changes members of a record; durable when it resolves. Throws `journal-busy` when another process wrote it first. */
  note(m2meId: string, change: Progress): Promise<void>;
  /** The next change of this machine begins with nothing. */
  forget(m2meId: string): Promise<void>;
  ids(): string[];
  /** Some change was begun and none is unfinished. */
  allDone(): boolean;
  close(): Promise<void>;
}

/** In a folder of its own: it holds tokens, which are secrets. */
export async function openOwnerJournal(path: string, clock: Clock): Promise<OwnerJournal> {
  const store = openLmdbStore(path, clock);
  try {
    return await createOwnerJournal(store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** On a store that the caller opened; closing the journal closes it. */
export async function createOwnerJournal(store: Store): Promise<OwnerJournal> {
  const known = new Map<string, { progress: Progress; version: number }>();
  const take = ({ key, value, version }: Entry): void => {
    const read = progressSchema.safeParse(value);
    if (!read.success) throw new GbaError('journal-invalid', `the record of ${key} is none of this release`);
    known.set(key, { progress: read.data, version });
  };
  for (const entry of await store.list(SPACE)) take(entry);
  /** Machines whose last write may have happened or not. */
  const unsure = new Set<string>();
  /** Writes of one machine one after the other: the version that the next one expects is that of the last. */
  const tails = new Map<string, Promise<unknown>>();

  async function makeSure(m2meId: string): Promise<void> {
    if (!unsure.has(m2meId)) return;
    const entry = await store.get(SPACE, m2meId);
    if (entry !== undefined) take(entry);
    unsure.delete(m2meId);
  }

  async function write(m2meId: string, next: (progress: Progress) => Progress): Promise<void> {
    await makeSure(m2meId);
    const { progress, version } = known.get(m2meId) ?? { progress: {}, version: 0 };
    const put = next(progress);
    unsure.add(m2meId);
    const written = await store.commit([{ space: SPACE, key: m2meId, expect: version, put }]);
    unsure.delete(m2meId);
    if (!written) throw new GbaError('journal-busy', `another process works on ${m2meId}`);
    // What the version is now only the store knows; nobody else writes while this process holds the journal.
    known.set(m2meId, { progress: put, version: (await store.get(SPACE, m2meId))?.version ?? 0 });
  }

  function inTurn(m2meId: string, work: () => Promise<void>): Promise<void> {
    const done = (tails.get(m2meId) ?? Promise.resolve()).then(work);
    const tail = done.catch(() => undefined);
    tails.set(m2meId, tail);
    void tail.then(() => tails.get(m2meId) === tail && tails.delete(m2meId));
    return done;
  }

  return {
    of: (m2meId) => known.get(m2meId)?.progress ?? {},
    async sure(m2meId) {
      await inTurn(m2meId, () => makeSure(m2meId));
      return known.get(m2meId)?.progress ?? {};
    },
    note: (m2meId, change) => inTurn(m2meId, () => write(m2meId, (progress) => ({ ...progress, ...change }))),
    forget: (m2meId) => inTurn(m2meId, () => write(m2meId, () => ({}))),
    ids: () => [...known.keys()],
    allDone: () => known.size > 0 && [...known.values()].every(({ progress }) => isSettled(progress)),
    close: () => store.close(),
  };
}
