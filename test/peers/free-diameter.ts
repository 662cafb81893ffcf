import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pki } from '../diameter/lab.ts';

export const RELAY = 'relay.home.test';
const EXTENSIONS = ['/usr/lib/freeDiameter', '/usr/lib/x86_64-linux-gnu/freeDiameter'];

const extensions = EXTENSIONS.find((path) => existsSync(join(path, 'acl_wl.fdx')));
const runs = spawnSync('freeDiameterd', ['--version']);
const version = /version (\S+)/.exec(String(runs.stdout))?.[1]?.replace(',', '');

/** Why the tests with freeDiameter cannot run here; false when they can. */
export const freeDiameterMissing: string | false =
  runs.error === undefined && extensions !== undefined
    ? false
    : 'freeDiameterd is not installed (Debian: apt-get install freediameter)';

export interface Relay {
  version: string | undefined;
  log(): string;
  close(): Promise<void>;
}

/**
 * freeDiameter as a relay: connects to `peers` in clear and, with `securePort`, takes those in `secure` over mutual TLS. In
 * clear it does not listen: it cannot be told to do so on the loopback interface alone.
 */
export async function startRelay(options: {
  peers?: { host: string; port: number }[];
  secure?: string[];
  securePort?: number;
}): Promise<Relay> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-relay-'));
  const file = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };
  const { cert, key, ca } = pki.files(RELAY);
  const acl = file('acl.conf', `${(options.secure ?? []).join('\n')}\n`);
  const lines = [
    `Identity = "${RELAY}";`,
    'Realm = "home.test";',
    'Port = 0;',
    `SecPort = ${options.securePort ?? 0};`,
    'No_SCTP;',
    'No_IPv6;',
    `TLS_Cred = "${cert}", "${key}";`,
    `TLS_CA = "${ca}";`,
    'TLS_DH_Bits = 1024;',
    'TcTimer = 6;',
    'TwTimer = 6;',
    `LoadExtension = "${extensions}/acl_wl.fdx" : "${acl}";`,
    ...(options.peers ?? []).map(
      ({ host, port }) => `ConnectPeer = "${host}" { No_TLS; ConnectTo = "127.0.0.1"; Port = ${port}; };`,
    ),
  ];
  const child: ChildProcess = spawn('freeDiameterd', ['-c', file('relay.conf', `${lines.join('\n')}\n`)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: unknown): void => {
    output += String(chunk);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const deadline = Date.now() + 15_000;
  while (!output.includes('daemon initialized')) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`freeDiameter did not start:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    version,
    log: () => output,
    async close() {
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 3_000);
      await ended;
      clearTimeout(patience);
    },
  };
}
