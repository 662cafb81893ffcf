// One party of an operator change as a process of its own: the functions that ship, with a store and a disk whose writes are
// counted and can be the last thing this process does. Told what to be, and asked what it has stored, over IPC.
import { codeOf, createLog, messageOf, silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { startBsf } from '../../src/bsf/index.ts';
import type { FunctionDeps } from '../../src/flow/index.ts';
import { startHss } from '../../src/hss/index.ts';
import { startM2me } from '../../src/m2me/index.ts';
import { changeFleet, connectOwner, createOwnerJournal, type OwnerConfig } from '../../src/owner/index.ts';
import { startPva } from '../../src/pva/index.ts';
import { startRo } from '../../src/ro/index.ts';
import { startSho } from '../../src/sho/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import type { FromParty, Role, ToParty, Watch } from './messages.ts';
import { createMeter, replaceable } from './meter.ts';
import { meteredDisk, meteredStore } from './metered.ts';

interface Running {
  store: Store;
  close(): Promise<void>;
}

const log = process.env['CRASH_LOG'] === undefined ? silentLog : createLog({ level: 'info' });
const { meter, replace } = replaceable();
let running: Running | undefined;

const say = (message: FromParty): void => void process.send?.(message);
const watch = ({ file, deadly }: Watch): void => replace(createMeter(file, deadly));

async function start(role: Role): Promise<Running> {
  const kept = role.kind === 'owner' ? ({ driver: 'lmdb', path: role.config.journal } as const) : role.config.store;
  const store = await openStore(kept, systemClock, log);
  const deps = { clock: systemClock, random: systemRandom, log, store: meteredStore(store, meter) };
  const party = await startRole(role, deps);
  return {
    store,
    async close() {
      await party.close();
      await store.close();
    },
  };
}

async function startRole(role: Role, deps: FunctionDeps & { store: Store }): Promise<{ close(): Promise<void> }> {
  switch (role.kind) {
    case 'hss':
      return await startHss(role.config, deps);
    case 'bsf':
      return await startBsf(role.config, deps);
    case 'sho':
      return await startSho(role.config, deps);
    case 'ro':
      return await startRo(role.config, deps);
    case 'pva':
      return await startPva(role.config, deps);
    case 'm2me':
      return await startM2me(role.config, { ...deps, disk: meteredDisk(meter) });
    case 'owner':
      return await startOwner(role.config, role.machine, deps.store);
  }
}

/** What `gba change start --machine` does, on the store that is given. */
async function startOwner(config: OwnerConfig, machine: { m2meId: string; url: string }, store: Store) {
  const { tools, close } = await connectOwner(config, { clock: systemClock, random: systemRandom });
  const journal = await createOwnerJournal(store);
  let ended: FromParty = { ended: { state: 'nothing to do' } };
  const work = changeFleet({ ...tools, journal }, [machine], {
    parallel: 1,
    patienceMs: config.patienceSeconds * 1000,
    timeoutMs: config.timeoutSeconds * 1000,
    looks: { firstMs: config.firstLookSeconds * 1000, longestMs: config.longestLookSeconds * 1000 },
    variant: config.variant,
    bothPresent: config.bothPresent,
    retry: false,
    onEnd: (_, end) => {
      ended = { ended: { state: end.state, ...(end.reason !== undefined && { reason: end.reason }) } };
    },
  });
  void work.then(
    () => say(ended),
    (error: unknown) => say({ ended: { state: 'stopped', reason: codeOf(error) } }),
  );
  return { close };
}

async function serve(message: ToParty): Promise<unknown> {
  switch (message.do) {
    case 'start':
      if (message.watch !== undefined) watch(message.watch);
      running = await start(message.role);
      return undefined;
    case 'watch':
      watch(message.watch);
      return undefined;
    case 'list':
      return await running?.store.list(message.space);
    case 'stop':
      replace();
      await running?.close();
      running = undefined;
      return undefined;
  }
}

/** One thing at a time: who is asked while it starts answers when it has. */
let turn: Promise<unknown> = Promise.resolve();

process.on('message', (message: ToParty) => {
  turn = turn
    .then(() => serve(message))
    .then(
      (result) => say({ id: message.id, ok: true, result }),
      (error: unknown) => say({ id: message.id, ok: false, code: codeOf(error), message: messageOf(error) }),
    );
});
process.on('disconnect', () => process.exit(0));
