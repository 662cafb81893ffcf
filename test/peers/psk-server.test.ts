import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SecretKey } from '../../src/base/index.ts';
import { createClient } from '../../src/http/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { freeBasePort } from '../support/ports.ts';

/** GnuTLS's and OpenSSL's own servers as NAFs; the client is ours. */

const NAF = 'naf.test';
const BTID = 'AAECAwQFBgcICQoLDA0ODw==@bsf.test';
const IDENTITY = `3GPP-bootstrapping;${BTID}`;
const KEY = { tls13: '01'.repeat(32), tls12: '02'.repeat(32) };
const { ca } = makeTestPki([NAF]).pem(NAF);
const GNUTLS = 'gnutls-serv';
const running: ReturnType<typeof spawn>[] = [];
after(() => {
  for (const child of running) child.kill();
});

async function serve(command: string, argsOf: (port: number) => string[]): Promise<number> {
  const port = await freeBasePort(1);
  const child = spawn(command, argsOf(port), { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  await new Promise<void>((resolve, reject) => {
    const started = (chunk: Buffer) => {
      if (/done|ACCEPT/.test(chunk.toString())) resolve();
    };
    child.stdout.on('data', started);
    child.stderr.on('data', started);
    child.on('close', () => reject(new Error(`${command} ended`)));
    setTimeout(() => reject(new Error(`${command} does not start`)), 15_000).unref();
  });
  return port;
}

async function ask(port: number, change: { tls13?: string; tls12?: string; btid?: string } = {}) {
  const { tls13 = KEY.tls13, tls12 = KEY.tls12, btid = BTID } = change;
  const key = (hex: string) => SecretKey.adopt(Buffer.from(hex, 'hex'));
  const psk = { btid, tls13: key(tls13), tls12: key(tls12), orCertificate: false };
  const url = `https://127.0.0.1:${port}`;
  const client = createClient({ url, serverName: NAF, tls: { ca }, psk, timeoutMs: 5000 });
  try {
    const { status, pskUaId } = await client.send('GET', '/');
    return { status, uaId: pskUaId?.toString('hex') };
  } finally {
    client.close();
  }
}

const passwords = (key: string): string => {
  const file = join(mkdtempSync(join(tmpdir(), 'gba-psk-')), 'passwords');
  writeFileSync(file, `${IDENTITY}:${key}\n`);
  return file;
};
const priority = (version: string) =>
  `NONE:+VERS-TLS1.${version}:+DHE-PSK:+ECDHE-PSK:+AES-128-GCM:+AEAD:+COMP-NULL:+SIGN-ALL:+GROUP-ALL`;
const gnutls = (version: string, key: string, hint: string) => (port: number) => [
  ...['-o0', 'gnutls-serv', '--http', '-p', String(port), '--priority', priority(version)],
  ...['--pskpasswd', passwords(key), '--pskhint', hint],
];
const openssl = (version: string, key: string) => (port: number) => [
  ...['s_server', '-accept', `127.0.0.1:${port}`, '-nocert', '-www', version],
  ...['-psk', key, '-psk_identity', IDENTITY, '-psk_hint', '3GPP-bootstrapping-uicc;3GPP-bootstrapping'],
  ...(version === '-tls1_2' ? ['-cipher', 'DHE-PSK-AES128-GCM-SHA256@SECLEVEL=0'] : []),
];

const SERVERS = [
  [GNUTLS, 'TLS 1.3', 'stdbuf', gnutls('3', KEY.tls13, '3GPP-bootstrapping'), '0100000007'],
  [GNUTLS, 'TLS 1.2', 'stdbuf', gnutls('2', KEY.tls12, '3GPP-bootstrapping'), '01000100aa'],
  ['openssl', 'TLS 1.3', 'openssl', openssl('-tls1_3', KEY.tls13), '0100000007'],
] as const;

for (const [name, version, command, argsOf, uaId] of SERVERS) {
  const skip = spawnSync(name, ['--help']).error !== undefined && `skipped: ${name} is not installed`;
  test(`${name}, ${version}: the key opens a connection, another key or B-TID does not`, { skip }, async () => {
    const port = await serve(command, argsOf);
    assert.deepEqual(await ask(port), { status: 200, uaId });
    const wrong = '03'.repeat(32);
    await assert.rejects(ask(port, { tls13: wrong, tls12: wrong }), { code: 'tls-key-refused' });
    await assert.rejects(ask(port, { btid: BTID.replace('AAEC', 'AAED') }), { code: 'tls-key-refused' });
  });
}

test('a server whose hint names no key of this UE gets none', {
  skip: spawnSync(GNUTLS, ['--help']).error !== undefined && `skipped: ${GNUTLS} is not installed`,
}, async () => {
  const port = await serve('stdbuf', gnutls('2', KEY.tls12, '3GPP-AKMA'));
  await assert.rejects(ask(port), { code: 'peer-unreachable' });
});
