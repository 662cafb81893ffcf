import { type Cancel, codeOf, createSealer } from '../base/index.ts';
import { createOutbox, type FunctionDeps, portsOf } from '../flow/index.ts';
import { loadSealingKey, readTextFile } from '../http/index.ts';
import { openStore } from '../store/index.ts';
import { type Certificate, loadSigner, readCertificate, verifyChain } from '../x509/index.ts';
import { ALWAYS_UP, type Carrier } from './carrier.ts';
import { changeFlow } from './change-flow.ts';
import { commission } from './commission.ts';
import type { M2meConfig } from './config.ts';
import { createDownloads } from './downloads.ts';
import { instruct } from './instruct.ts';
import { createJournal, type Journal } from './journal.ts';
import { createLinks } from './links.ts';
import { localListener } from './local.ts';
import type { Machine } from './machine.ts';
import { nextPollMs, paceBootstrap } from './pace.ts';
import { clearLeftovers, deliverReturn } from './steps/give-back.ts';
import { takeTurn } from './steps/index.ts';
import { createDurableFiles, createTurns, type Disk, openTre } from './tre/index.ts';
import { bootstrap } from './ub-client.ts';

/** Turns in a row before the machine rests until the next poll, whatever a peer feeds it. */
const TURNS = 64;

export interface M2meDeps extends FunctionDeps {
  carrier?: Carrier;
  /** Instead of the file system, under the TRE and its downloads. */
  disk?: Disk;
}

export interface RunningM2me {
  ports: { local: number };
  /** Goes on until nothing more can be done now. */
  poke(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a machine: opens its TRE and journal, finishes what a power cut left, serves its owner, and polls. */
export async function startM2me(config: M2meConfig, deps: M2meDeps): Promise<RunningM2me> {
  const { clock, random } = deps;
  const { net, timers } = portsOf(deps);
  const log = deps.log.child({ m2me: config.id });
  const store = deps.store ?? (await openStore(config.store, clock, log));
  const files = createDurableFiles(deps.disk);
  const decryption = loadSigner(pemOf(config.tre));
  const tre = await openTre({
    directory: config.treDir,
    files,
    m2meId: config.id,
    root: createSealer(loadSealingKey(config.keyFile), random),
    clock,
    random,
    device: 'cert' in config.device ? loadSigner(pemOf(config.device)) : undefined,
    decryption: { key: decryption.key, certificate: decryption.certificate },
  });
  const journal = createJournal(store);
  if (tre.identity() === undefined && (await journal.changes()).length === 0) await commission(tre, config);

  const authority = readCertificate(readTextFile(config.ca));
  const runUb = async () => {
    const context = await bootstrap({ tre, connect: (bsf) => links.ub(bsf), clock, random, log });
    links.renewLive();
    return context;
  };
  const pacedUb = paceBootstrap(runUb, { pollMs: config.pollMs, clock, random });
  const links = createLinks({
    ca: readTextFile(config.ca),
    known: [config.sho, config.ro, config.pva],
    method: (id) => (id === config.ro.id ? config.roUa : config.ua),
    net,
    tre,
    bootstrap: pacedUb,
    carrier: deps.carrier ?? ALWAYS_UP,
    clock,
    random,
    log,
  });
  const machine: Machine = {
    clock,
    random,
    log,
    ...(deps.onStep !== undefined && { onStep: deps.onStep }),
    config,
    tre,
    journal,
    downloads: createDownloads(config.treDir, files),
    links,
    bootstrap: pacedUb,
    kickOutbox: () => outbox.kick(),
    isOldSho: (certificate) => isSignerOf(tre.identity()?.sho.id, certificate, authority, clock.now()),
    refusals: new Map(),
    recallAskedAt: Number.NEGATIVE_INFINITY,
    setbacks: 0,
    nextPollAt: undefined,
    shown: new Set(),
  };
  const outbox = createOutbox({
    store,
    clock,
    random,
    timers,
    log,
    deliver: (message) => deliverReturn(machine, message),
  });
  await clearLeftovers(machine);

  // Turns never overlap with each other or with the owner's instruction.
  const inTurn = createTurns();
  let closed = false;
  let busy = true;
  /** Polls in a row that went wrong and brought nothing forward. */
  let setbacks = 0;
  let cancelPoll: Cancel | undefined;
  const poke = () =>
    inTurn(async () => {
      machine.setbacks = 0;
      let turn = 0;
      while (turn < TURNS && !closed && (await takeTurn(machine))) turn++;
      setbacks = turn === 0 && machine.setbacks > 0 ? setbacks + 1 : 0;
      busy = await isBusy(journal);
    });
  let waiting = false;
  /** At most one poke waits, however long the turn before it takes; the next one comes by itself. */
  function pokeSoon(): void {
    if (waiting || closed) return;
    waiting = true;
    machine.nextPollAt = undefined;
    poke()
      .catch((error: unknown) => log.error('turn-failed', { code: codeOf(error) }))
      .finally(() => {
        waiting = false;
        cancelPoll?.();
        const ms = busy ? config.pollMs : (config.idlePollMs ?? config.pollMs);
        if (closed) return;
        const wait = nextPollMs(ms, setbacks, random);
        machine.nextPollAt = clock.now() + wait;
        cancelPoll = timers.after(wait, pokeSoon);
      });
  }

  const listener = localListener(machine, {
    async instruct(octets) {
      const answer = await inTurn(() => instruct(machine, octets));
      pokeSoon();
      return answer;
    },
    bootstrap: () => inTurn(runUb),
  });
  const server = await net.listen(deps.wrap?.('m2me local', listener) ?? listener, { ...config.local, log });
  outbox.kick();
  pokeSoon();

  return {
    ports: { local: server.port },
    poke,
    async close() {
      closed = true;
      cancelPoll?.();
      await server.close();
      links.close();
      await inTurn(async () => undefined);
      await outbox.close();
      links.close();
      if (deps.store === undefined) await store.close();
    },
  };
}

/** Somebody waits for this machine: a change is under way, or the operator has not heard of a bootstrapping yet. */
async function isBusy(journal: Journal): Promise<boolean> {
  if ((await journal.machine()).toldBtid === null) return true;
  return (await journal.changes()).some(({ state }) => !changeFlow.isFinal(state));
}

function pemOf(files: { cert: string; key: string }): { cert: string; key: string } {
  return { cert: readTextFile(files.cert), key: readTextFile(files.key) };
}

/** A signing certificate of this operator, by the authority that all operators' certificates come from. */
function isSignerOf(
  operator: string | undefined,
  certificate: Certificate,
  authority: Certificate,
  now: number,
): boolean {
  if (operator === undefined || certificate.subject !== operator) return false;
  try {
    verifyChain(certificate, authority, now);
    return true;
  } catch (error) {
    if (codeOf(error) === 'internal') throw error;
    return false;
  }
}
