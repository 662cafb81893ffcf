// PSK TLS handshakes a second, each against two bare node:tls servers in the same run: one with a certificate, one whose
// pskCallback has the key at once. Clients in a process of their own; rounds take turns.
import { type ChildProcess, fork } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, createServer, type Server, type TlsOptions } from 'node:tls';
import { SecretKey } from '../src/base/index.ts';
import { listen } from '../src/http/index.ts';
import { makeTestPki } from '../test/support/pki.ts';
import type { BenchResult } from './ub-ua.ts';

const NAF = 'naf.sho-a.test';
const IDENTITY = '3GPP-bootstrapping;AAECAwQFBgcICQoLDA0ODw==@bsf.sho-a.test';
const KEY = Buffer.alloc(32, 7);
const HANDSHAKES = 300;
const CONCURRENT = 8;
const ROUNDS = 7;
const SUITE = 'ECDHE-PSK-CHACHA20-POLY1305';

interface Job {
  port: number;
  version: 'TLSv1.2' | 'TLSv1.3';
  psk: boolean;
}

if (process.env['GBA_BENCH_PSK'] === '1') {
  process.on('message', (job: Job) => {
    const started = performance.now();
    handshakes(job).then(
      () => process.send?.({ elapsed: performance.now() - started }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
}

async function handshakes({ port, version, psk }: Job): Promise<void> {
  const options: ConnectionOptions = {
    host: '127.0.0.1',
    port,
    servername: NAF,
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: psk,
    checkServerIdentity: () => undefined,
    ...(psk && { pskCallback: () => ({ identity: IDENTITY, psk: KEY }) }),
    ...(psk && version === 'TLSv1.2' && { ciphers: SUITE }),
  };
  let left = HANDSHAKES;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(options, () => {
        socket.destroy();
        resolve();
      });
      socket.on('error', reject);
    });
  const next = async (): Promise<void> => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: CONCURRENT }, next));
}

function measure(child: ChildProcess, job: Job): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: { elapsed?: number; error?: string }) =>
      message.elapsed === undefined ? reject(new Error(message.error)) : resolve(message.elapsed),
    );
    child.send(job);
  });
}

async function bare(options: TlsOptions): Promise<{ port: number; server: Server }> {
  const server = createServer(options, (socket) => socket.on('error', () => socket.destroy()));
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

export async function benchPsk(): Promise<BenchResult[]> {
  const tls = makeTestPki([NAF]).pem(NAF);
  const own = await listen((_req, res) => res.end(), {
    address: '127.0.0.1',
    port: 0,
    tls,
    psk: {
      fqdn: NAF,
      choices: ['me'],
      find: () => new Promise((found) => setImmediate(() => found(SecretKey.copyOf(KEY)))),
      refused: () => undefined,
    },
  });
  const byCertificate = await bare(tls);
  const ciphers = `TLS_AES_128_GCM_SHA256:${SUITE}`;
  const byPsk = await bare({ ciphers, pskIdentityHint: '3GPP-bootstrapping', pskCallback: () => KEY });
  const child = fork(import.meta.filename, [], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, GBA_BENCH_PSK: '1' },
  });
  const results: BenchResult[] = [];
  try {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const jobs: Record<'own' | 'psk' | 'certificate', Job> = {
        own: { port: own.port, version, psk: true },
        psk: { port: byPsk.port, version, psk: true },
        certificate: { port: byCertificate.port, version, psk: false },
      };
      const times: Record<keyof typeof jobs, number[]> = { own: [], psk: [], certificate: [] };
      for (let round = 0; round <= ROUNDS; round++) {
        const order = Object.keys(jobs) as (keyof typeof jobs)[];
        for (const side of round % 2 === 0 ? order : order.reverse()) {
          const elapsed = await measure(child, jobs[side]);
          if (round > 0) times[side].push(elapsed);
        }
      }
      const perSecond = (HANDSHAKES * 1000) / median(times.own);
      const ratioTo = (side: 'psk' | 'certificate') => median(times[side].map((t, i) => t / (times.own[i] ?? t)));
      const name = `PSK ${version === 'TLSv1.2' ? 'TLS 1.2' : 'TLS 1.3'} handshakes`;
      results.push(
        { name, perSecond, ratio: ratioTo('psk'), reference: 'node:tls, PSK at once' },
        { name, perSecond, ratio: ratioTo('certificate'), reference: 'node:tls, certificate (ECDSA)' },
      );
    }
  } finally {
    child.kill();
    await own.close();
    byCertificate.server.close();
    byPsk.server.close();
  }
  return results;
}
