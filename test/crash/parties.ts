import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Listed, Role, Watch } from './messages.ts';
import type { Point } from './meter.ts';
import type { PartyProcess, Pool } from './processes.ts';

/** Which points kill a party that starts, or starts again. */
export type Deadly<Name extends string> = (name: Name) => readonly Point[];

/** Parties by name, each a process of its own; who is killed is started again at once. */
export interface Parties<Name extends string> {
  /** Resolves when it serves; what keeps it from that is among the faults. */
  start(name: Name, role: Role): Promise<void>;
  stop(name: Name): Promise<void>;
  /** SIGKILL; `start` or, without `stays`, the next process brings it back. Resolves when the process is gone. */
  kill(name: Name, options?: { stays: boolean }): Promise<void>;
  /** From now on every write of these is noted in a file of its party's name, in the folder that is returned. */
  watch(names: readonly Name[], deadly: Deadly<Name>): Promise<string>;
  list(name: Name, space: string): Promise<Listed[]>;
  /** How the change of an owner ended, however often its process was killed meanwhile. */
  ended(name: Name): Promise<{ state: string; reason?: string }>;
  /** Processes that were killed since `watch`, and anything that went wrong with one. */
  kills(): number;
  faults(): readonly string[];
  /** Nobody is started again. */
  close(): void;
}

export function createParties<Name extends string>(pool: Pool, dir: string): Parties<Name> {
  const running = new Map<Name, { process: PartyProcess; role: Role }>();
  /** Parties between a kill and their next start. */
  const starting = new Map<Name, Promise<void>>();
  let writes = mkdtempSync(join(dir, 'writes-'));
  let deadly: Deadly<Name> = () => [];
  let kills = 0;
  let faults: string[] = [];
  let closing = false;

  const watchOf = (name: Name): Watch => ({ file: join(writes, name), deadly: deadly(name) });

  function launch(name: Name, role: Role): Promise<void> {
    const process = pool.take();
    const launched = { process, role };
    running.set(name, launched);
    void process.gone.then((how) => {
      // The process may have been somebody else before, and that one has stopped.
      if (closing || running.get(name) !== launched) return;
      if (how === 'SIGKILL') kills++;
      else faults.push(`${name} ended with ${how}`);
      void launch(name, role);
    });
    const started = process.ask({ do: 'start', role, watch: watchOf(name) }).then(
      () => undefined,
      (error: Error) => {
        // Killed once more while it came up: the next one is on its way.
        if (running.get(name) !== launched || error.message === 'the process is gone') return;
        faults.push(`${name} does not start: ${error.message}`);
      },
    );
    starting.set(name, started);
    return started;
  }

  async function ask<T>(name: Name, question: Parameters<PartyProcess['ask']>[0]): Promise<T> {
    for (;;) {
      await starting.get(name);
      const one = running.get(name);
      if (one === undefined) throw new TypeError(`nobody is ${name}`);
      try {
        return (await one.process.ask(question)) as T;
      } catch (error) {
        if (!(error instanceof TypeError) || error.message !== 'the process is gone') throw error;
        await one.process.gone;
      }
    }
  }

  return {
    start: launch,
    async kill(name, { stays } = { stays: false }) {
      await starting.get(name);
      const one = running.get(name);
      if (stays) running.delete(name);
      one?.process.kill();
      await one?.process.gone;
    },
    async watch(names, next) {
      writes = mkdtempSync(join(dir, 'writes-'));
      deadly = next;
      kills = 0;
      faults = [];
      await Promise.all(names.map((name) => ask(name, { do: 'watch', watch: watchOf(name) })));
      return writes;
    },
    async stop(name) {
      await starting.get(name);
      const one = running.get(name);
      running.delete(name);
      if (one === undefined) return;
      await one.process.ask({ do: 'stop' });
      pool.giveBack(one.process);
    },
    async list(name, space) {
      const listed = await ask<Listed[] | undefined>(name, { do: 'list', space });
      if (listed === undefined) throw new TypeError(`${name} does not run: ${faults.join('; ')}`);
      return listed;
    },
    async ended(name) {
      for (;;) {
        const process = running.get(name)?.process;
        if (process === undefined) throw new TypeError(`nobody is ${name}`);
        const end = await Promise.race([process.ended(), process.gone.then(() => undefined)]);
        if (end !== undefined) return end;
        await starting.get(name);
      }
    },
    kills: () => kills,
    faults: () => faults,
    close() {
      closing = true;
    },
  };
}
