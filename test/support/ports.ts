import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that labs on free ports draw from, so that none of them takes one while a killed lab is down. */
const FIRST = 10_000;
const LAST = 17_900;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The first of `count` free ports in a row, for a lab that must find them again after a restart. */
export async function freeBasePort(count: number): Promise<number> {
  for (;;) {
    const base = randomInt(FIRST, LAST - count);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
}

/** Starts what listens on free ports, anew when one of them is gone by the time it is listened on: others start meanwhile. */
export async function withFreePorts<T>(start: () => Promise<T>, tries = 4): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (
      tries === 1 ||
      !(error instanceof Error) ||
      !/listen-failed|EADDRINUSE|cannot listen/.test(String(error.message))
    ) {
      throw error;
    }
    return await withFreePorts(start, tries - 1);
  }
}
