import { type ChildProcess, spawn } from 'node:child_process';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** A command in a process of its own; `when` is called once, as soon as standard output holds `text`. */
export function run(
  command: string,
  args: readonly string[],
  watch?: { text: string; when: (child: ChildProcess, out: string) => void },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = { out: '', err: '' };
    let seen = false;
    child.stdout.on('data', (chunk: Buffer) => {
      ended.out += chunk.toString();
      if (watch === undefined || seen || !ended.out.includes(watch.text)) return;
      seen = true;
      watch.when(child, ended.out);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      ended.err += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...ended }));
  });
}

export const gba = (args: readonly string[], watch?: Parameters<typeof run>[2]): Promise<Ended> =>
  run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], watch);

/** Ends the command when `text` has been printed. */
export const until = (text: string) => ({ text, when: (child: ChildProcess) => void child.kill('SIGTERM') });
