import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FolderLock {
  release(): Promise<void>;
}

const lockBy = (server: Server): FolderLock => ({
  release: () => new Promise((resolve) => server.close(() => resolve())),
});

/**
 * Takes a folder for this process; undefined while another has it. A listening socket: unlike a file with a process id it
 * cannot outlive its process, whatever ends that.
 */
export async function lockFolder(dir: string): Promise<FolderLock | undefined> {
  const id = createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 20);
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\gba-lab-${id}` : join(tmpdir(), `gba-lab-${id}.lock`);
  const free = await listenOn(path);
  if (free !== undefined) return lockBy(free);
  if (!(await isAnswered(path))) {
    // A killed process left it.
    rmSync(path, { force: true });
    const taken = await listenOn(path);
    if (taken !== undefined) return lockBy(taken);
  }
  return undefined;
}

function listenOn(path: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen(path, () => {
      process.once('exit', () => rmSync(path, { force: true }));
      resolve(server.unref());
    });
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
