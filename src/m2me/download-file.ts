import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { eraseFile } from './tre/index.ts';

/** A package on its way: ciphertext, invisible to everybody until it is whole and checked. */
const PREFIX = 'download-';

export function serialOfDownload(name: string): string | undefined {
  return new RegExp(`^${PREFIX}([0-9a-f]{32})$`).exec(name)?.[1];
}

function pathOf(directory: string, serial: string): string {
  return join(directory, `${PREFIX}${serial}`);
}

/** Octets that are there already; 0 when nothing is. */
export async function downloadedSize(directory: string, serial: string): Promise<number> {
  try {
    return (await stat(pathOf(directory, serial))).size;
  } catch {
    return 0;
  }
}

/** Adds one chunk; durable when it resolves. */
export async function appendChunk(directory: string, serial: string, chunk: Uint8Array): Promise<void> {
  const file = await open(pathOf(directory, serial), 'a', 0o600);
  try {
    await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

export function readDownload(directory: string, serial: string): Promise<Buffer> {
  return readFile(pathOf(directory, serial));
}

export function eraseDownload(directory: string, serial: string): Promise<void> {
  return eraseFile(pathOf(directory, serial));
}
