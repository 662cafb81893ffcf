import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { z } from 'zod';
import type { Random } from '../base/index.ts';
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
