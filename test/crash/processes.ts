import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { FromParty, ToParty } from './messages.ts';

/** As `Omit`, for each member of a union. */
type Question = ToParty extends infer T ? (T extends ToParty ? Omit<T, 'id'> : never) : never;

/** A process of `party.ts`. */
export interface PartyProcess {
  /** Rejects when the process says no, or dies before it answers. */
  ask(question: Question): Promise<unknown>;
  /** The next change of an owner that ends. */
  ended(): Promise<{ state: string; reason?: string }>;
  /** Resolves with how the process went. */
  readonly gone: Promise<NodeJS.Signals | number | null>;
  kill(): void;
}

/** Processes that have loaded their program and wait to be told who they are: a restart costs no start of node. */
export interface Pool {
  take(): PartyProcess;
  /** One that has stopped being somebody. */
  giveBack(process: PartyProcess): void;
  close(): Promise<void>;
}

export function createPool(program: string, dir: string, spares: number): Pool {
  const idle: PartyProcess[] = [];
  const all = new Set<PartyProcess>();
  const errors = openSync(join(dir, 'errors.txt'), 'a');

  function add(): PartyProcess {
    const one = launch(program, errors);
    all.add(one);
    void one.gone.then(() => {
      all.delete(one);
      const at = idle.indexOf(one);
      if (at >= 0) idle.splice(at, 1);
    });
    return one;
  }
  while (idle.length < spares) idle.push(add());

  return {
    take() {
      const one = idle.shift() ?? add();
      while (idle.length < spares) idle.push(add());
      return one;
    },
    giveBack: (one) => void idle.unshift(one),
    async close() {
      for (const one of all) one.kill();
      await Promise.all([...all].map(({ gone }) => gone));
    },
  };
}

function launch(program: string, errors: number): PartyProcess {
  const child: ChildProcess = spawn(process.execPath, [program], { stdio: ['ignore', 'ignore', errors, 'ipc'] });
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  const ends: { state: string; reason?: string }[] = [];
  const awaited: ((end: { state: string; reason?: string }) => void)[] = [];
  let last = 0;
  child.on('message', (message: FromParty) => {
    if ('ended' in message) {
      const waiter = awaited.shift();
      if (waiter === undefined) ends.push(message.ended);
      else waiter(message.ended);
      return;
    }
    const asker = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.ok) asker?.resolve(message.result);
    else asker?.reject(new TypeError(`${message.code}: ${message.message}`));
  });
  // A question to a process that has just died: `gone` says so.
  child.on('error', () => undefined);
  const gone = new Promise<NodeJS.Signals | number | null>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new TypeError('the process is gone'));
      if (signal === null) appendFileSync(errors, `a party ended with ${code}\n`);
      resolve(signal ?? code);
    });
  });
  return {
    gone,
    kill: () => void child.kill('SIGKILL'),
    ask(question) {
      return new Promise((resolve, reject) => {
        if (child.exitCode !== null || child.signalCode !== null) reject(new TypeError('the process is gone'));
        waiting.set(++last, { resolve, reject });
        child.send({ ...question, id: last });
      });
    },
    ended() {
      const end = ends.shift();
      return end === undefined ? new Promise((resolve) => awaited.push(resolve)) : Promise.resolve(end);
    },
  };
}
