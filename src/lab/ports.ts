import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { z } from 'zod';
import { GbaError, type Random } from '../base/index.ts';
import { readTextFile } from '../http/index.ts';

/** Below the ports that systems give to outgoing connections, so that none of those takes one before we listen. */
const FIRST = 20_000;
const RANGE = 12_000;

/**
 * Hands out ports: one after the other from `base`, or free ones when it is 0. Free ones are kept in `file`, because
 * addresses are in subscriptions and must be the same after a restart.
 */
export async function allocatePorts(base: number, count: number, file: string, random: Random): Promise<number[]> {
  if (base !== 0) return Array.from({ length: count }, (_, i) => base + i);
  if (existsSync(file)) {
    const kept = z.array(z.int()).parse(JSON.parse(readTextFile(file)));
    if (kept.length === count) return kept;
  }
  const ports = await freePorts(count, random);
  writeFileSync(file, JSON.stringify(ports));
  return ports;
}

async function freePorts(count: number, random: Random): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = FIRST + (random.bytes(4).readUInt32BE() % RANGE);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Ports that somebody will listen on in a while: until then nobody else gets them. */
export interface HeldPorts {
  /** Gives one up, for its owner to listen on at once. */
  release(port: number): Promise<void>;
  releaseAll(): Promise<void>;
}

/** Throws `listen-failed` when one of them is taken already. */
export async function holdPorts(doors: readonly { address: string; port: number }[]): Promise<HeldPorts> {
  const held = new Map<number, Server>();
  const close = (server: Server | undefined): Promise<void> =>
    new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  const releaseAll = async (): Promise<void> => void (await Promise.all([...held.values()].map(close)));
  try {
    await Promise.all(
      doors.map(async ({ address, port }) => {
        held.set(port, await holdOne(address, port));
      }),
    );
  } catch (error) {
    await releaseAll();
    throw error;
  }
  return {
    async release(port) {
      const server = held.get(port);
      held.delete(port);
      await close(server);
    },
    releaseAll,
  };
}

function holdOne(address: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (cause) =>
      reject(new GbaError('listen-failed', `cannot listen on ${address}:${port}`, { cause })),
    );
    server.listen(port, address, () => resolve(server));
  });
}
