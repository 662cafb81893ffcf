import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';

/** An open file, or a directory opened to be synced. */
export interface DiskFile {
  /** Writes on from where the file was opened: its beginning, or its end when opened to append. */
  writeFile(octets: Uint8Array): Promise<void>;
  /** Durable when it resolves: the contents of a file, the names in a directory. */
  sync(): Promise<void>;
  stat(): Promise<{ size: number }>;
  close(): Promise<void>;
}

/**
 * The machine's disk as a port, with the names and errors of node:fs/promises. Only what was synced outlives a power cut:
 * a simulation takes everything else away.
 */
export interface Disk {
  open(path: string, flags: 'r' | 'r+' | 'w' | 'a', mode?: number): Promise<DiskFile>;
  readFile(path: string): Promise<Buffer>;
  readdir(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: true }): Promise<void>;
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>;
}

export const systemDisk: Disk = { open, readFile, readdir, rename, rm, mkdir };
