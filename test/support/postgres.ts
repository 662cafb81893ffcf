import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

const DEBIAN = '/usr/lib/postgresql';
/** Made up for the tests; looked for in everything that errors say. */
export const PASSWORD = 'n0t-for-3rrors';
const USER = 'gba';

/** The programs of the newest PostgreSQL of this machine. */
function findPrograms(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin'));
  return newest.find((bin) => existsSync(join(bin, 'initdb')));
}

const programs = findPrograms();
/** For `test`: `{ skip }` with the reason on a machine without PostgreSQL. */
export const postgresOrSkip: { skip?: string } = programs === undefined ? { skip: 'PostgreSQL is not installed' } : {};

export interface PostgresServer {
  port: number;
  /** Over TCP on loopback. */
  url: string;
  /** Over the Unix socket. */
  socketUrl: string;
  /** What no test of the store needs, but their preparations do. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** SIGKILL for the postmaster, as a power cut would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  encoding?: string;
  settings?: Readonly<Record<string, string>>;
  /** PEM files that the server speaks TLS with. */
  tls?: { cert: string; key: string };
}

/** PostgreSQL refuses to run as root: then it is Debian's own user, and the folder is that user's. */
function unprivileged(): { uid: number; gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) return {};
  const number = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: number('-u'), gid: number('-g') };
}

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** A private server in a folder of its own, with passwords, and with words sorted as people do (unlike octets). */
export async function startPostgres({
  encoding = 'UTF8',
  settings = {},
  tls,
}: PostgresOptions = {}): Promise<PostgresServer> {
  if (programs === undefined) throw new TypeError('PostgreSQL is not installed');
  const owner = unprivileged();
  const dir = mkdtempSync(join(tmpdir(), 'gba-pg-'));
  const give = (path: string): string => {
    if (owner.uid !== undefined) chownSync(path, owner.uid, owner.gid);
    return path;
  };
  give(dir);
  const write = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return give(join(dir, name));
  };
  const data = join(dir, 'data');
  const order = encoding === 'UTF8' ? ['--locale-provider=icu', '--icu-locale=en'] : [];
  execFileSync(
    join(programs, 'initdb'),
    [
      '-D',
      data,
      '-U',
      USER,
      '-E',
      encoding,
      '--locale=C',
      ...order,
      '-A',
      'scram-sha-256',
      '--no-sync',
      '--no-instructions',
      `--pwfile=${write('password', PASSWORD)}`,
    ],
    { ...owner, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const port = await freePort();
  const options = Object.entries({
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: dir,
    logging_collector: 'off',
    max_connections: '100',
    shared_buffers: '32MB',
    ...(tls && { ssl: 'on', ssl_cert_file: write('cert.pem', tls.cert), ssl_key_file: write('key.pem', tls.key) }),
    ...settings,
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const url = `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`;

  let running: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  const atExit = (): void => {
    running?.kill('SIGKILL');
  };
  process.on('exit', atExit);

  const query: PostgresServer['query'] = async (sql, values = []) => {
    const client = new Client(url);
    await client.connect();
    return await client
      .query(sql, [...values])
      .then(({ rows }) => rows)
      .finally(() => client.end());
  };
  const signal = async (name: 'SIGKILL' | 'SIGINT'): Promise<void> => {
    running?.kill(name);
    await ended;
  };
  const start = async (): Promise<void> => {
    // After a kill the old backends may still be ending, and hold the port or the memory for a moment.
    for (let tries = 0; ; tries++) {
      const child = spawn(join(programs, 'postgres'), ['-D', data, ...options], {
        ...owner,
        cwd: dir,
        stdio: 'ignore',
      });
      running = child;
      ended = new Promise((resolve) => child.once('exit', () => resolve()));
      while (child.exitCode === null && child.signalCode === null) {
        if (
          await query('SELECT 1').then(
            () => true,
            () => false,
          )
        )
          return;
        await delay(20);
      }
      if (tries === 50) throw new TypeError(`PostgreSQL ends with ${child.exitCode} at its start`);
      await delay(100);
    }
  };
  await start();
  return {
    port,
    url,
    socketUrl: `postgres://${USER}:${PASSWORD}@localhost:${port}/postgres?host=${encodeURIComponent(dir)}`,
    query,
    kill: () => signal('SIGKILL'),
    start,
    async stop() {
      await signal('SIGINT');
      process.off('exit', atExit);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
