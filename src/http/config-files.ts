import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { fromHex, GbaError, SecretKey } from '../base/index.ts';
import type { TlsCredentials } from './server.ts';

/** What one server takes at most; left out: `DEFAULT_LIMITS`. */
const limitsSchema = z.strictObject({
  /** Open connections. */
  connections: z.int().min(1).max(1_000_000).optional(),
  /** Open connections from one IPv4 address, or one IPv6 /64. */
  connectionsPerAddress: z.int().min(1).max(1_000_000).optional(),
  /** For how long requests under way are still answered when the function ends. */
  drainSeconds: z.number().min(0).max(60).optional(),
});

/** Where a server listens. Port 0 takes a free one. */
export const listenSchema = z.strictObject({
  address: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65535),
  limits: limitsSchema.optional(),
});

/** Another party's server: where to connect and the name its certificate must carry. */
export const peerSchema = z.strictObject({ url: z.url(), serverName: z.string().min(1) });

/** PEM files: own certificate (chain) and key, and the authority that verifies the other end. */
export const tlsFilesSchema = z.strictObject({ cert: z.string(), key: z.string(), ca: z.string() });

export const signingFilesSchema = z.strictObject({ cert: z.string(), key: z.string() });

export type ListenConfig = z.infer<typeof listenSchema>;
export type PeerConfig = z.infer<typeof peerSchema>;
export type TlsFiles = z.infer<typeof tlsFilesSchema>;

/** A whole text file; throws `config-file-unreadable` with the path. */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new GbaError('config-file-unreadable', `cannot read ${path}`, { cause });
  }
}

export function loadTls(files: TlsFiles): TlsCredentials {
  return { cert: readTextFile(files.cert), key: readTextFile(files.key), ca: readTextFile(files.ca) };
}

/** The sealing key of a store: a file of 64 hexadecimal digits (32 octets), or the environment variable `env:NAME`. */
export function loadSealingKey(source: string): SecretKey {
  const text = source.startsWith('env:') ? process.env[source.slice(4)] : readTextFile(source);
  if (text === undefined) throw new GbaError('config-invalid', `environment variable ${source.slice(4)} is not set`);
  return SecretKey.adopt(fromHex(text.trim(), 32, 'sealing key'));
}
