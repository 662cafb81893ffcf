// Ub bootstraps and Ua checks over HTTP, each against a bare node:http server that answers the same bytes in the same
// number of exchanges. One client, in a process of its own, with prepared requests; rounds take turns.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AkaKeys, makeVector } from '../src/aka/index.ts';
import { SecretKey, silentLog, systemClock, systemRandom } from '../src/base/index.ts';
import { type AvSource, bsfConfigSchema, startBsf } from '../src/bsf/index.ts';
import { buildAuthorization, computeResponse, makeAkaNonce, parseChallenge } from '../src/digest/index.ts';
import { type Listener, listen, type RunningServer } from '../src/http/index.ts';
import { gbaAuth } from '../src/naf/index.ts';
import { makeTestPki } from '../test/support/pki.ts';
import { type LoadJob, serveLoad } from './load-client.ts';

export interface BenchResult {
  name: string;
  /** Own throughput over the reference's, median of the rounds. */
  ratio: number;
  perSecond: number;
  reference: string;
}

const CONNECTIONS = 16;
const ROUNDS = 7;
const PER_CONNECTION = 200;
const BSF = 'bsf.sho-a.test';
const NAF = 'naf.sho-a.test';
const AGENT = 'bench 3gpp-gba 3gpp-gba-tmpi';

interface Contest {
  name: string;
  reference: string;
  /** HTTP exchanges that make one operation. */
  exchanges: number;
  expected: string[];
  own: number;
  bare: number;
  /** Requests of a round; own and bare get the same ones. */
  prepare(round: number): Promise<string[][]>;
}

async function compete(contest: Contest): Promise<BenchResult> {
  const child = fork(import.meta.filename, [], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, GBA_BENCH_LOAD: '1' },
  });
  const ratios: number[] = [];
  const rates: number[] = [];
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const connections = await contest.prepare(round);
      const operations = connections.reduce((sum, list) => sum + list.length, 0) / contest.exchanges;
      const times: Record<'own' | 'bare', number> = { own: 0, bare: 0 };
      for (const side of round % 2 === 0 ? (['bare', 'own'] as const) : (['own', 'bare'] as const)) {
        times[side] = await load(child, { port: contest[side], connections }, contest.expected);
      }
      if (round === 0) continue;
      ratios.push(times.bare / times.own);
      rates.push((operations * 1000) / times.own);
    }
  } finally {
    child.kill();
  }
  return { name: contest.name, ratio: median(ratios), perSecond: median(rates), reference: contest.reference };
}

function load(child: ChildProcess, job: LoadJob, expected: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (message: { elapsed?: number; error?: string }) =>
      message.elapsed === undefined ? reject(new Error(message.error)) : resolve(message.elapsed),
    );
    child.send({ job, expected });
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

interface Captured {
  status: number;
  headers: string[];
  body: Buffer;
}

/** One exchange, to copy its bytes into the bare server. */
function capture(port: number, headers: Record<string, string>): Promise<Captured> {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path: '/', headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.rawHeaders, body: Buffer.concat(chunks) }),
      );
    });
    req.on('error', reject);
    req.end();
  });
}

/** Answers the same bytes; Date and Connection are Node's own work on both sides. */
function bareListener(answers: { when: (authorization: string) => boolean; answer: Captured }[]): Listener {
  const ready = answers.map(({ when, answer }) => {
    const headers: Record<string, string> = {};
    for (let i = 0; i + 1 < answer.headers.length; i += 2) {
      const name = answer.headers[i] ?? '';
      if (!/^(?:date|connection|keep-alive)$/i.test(name)) headers[name] = answer.headers[i + 1] ?? '';
    }
    return { when, status: answer.status, headers, body: answer.body.toString('latin1') };
  });
  return (req, res) => {
    const authorization = req.headers.authorization ?? '';
    const chosen = ready.find(({ when }) => when(authorization));
    if (chosen === undefined) {
      res.writeHead(500).end();
      return;
    }
    res.writeHead(chosen.status, chosen.headers);
    res.end(chosen.body, 'latin1');
  };
}

const bareServer = (answers: Parameters<typeof bareListener>[0]): Promise<RunningServer> =>
  listen(bareListener(answers), { address: '127.0.0.1', port: 0 });

const requestText = (host: string, authorization: string): string =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${AGENT}\r\nAuthorization: ${authorization}\r\n\r\n`;

const keys: AkaKeys = {
  k: SecretKey.adopt(Buffer.from('465b5ce8b199b49faa5f0a2ee238a6bc', 'hex')),
  opc: SecretKey.adopt(Buffer.from('cd63cb71954a9f4e48a5994e37a02baf', 'hex')),
};
const AMF = Buffer.from('8000', 'hex');

/** The n-th vector of a subscriber, known to both sides so that the answers can be prepared. */
function vectorOf(subscriber: number, n: number) {
  const rand = Buffer.alloc(16, 0x5a);
  rand.writeUInt32BE(subscriber, 0);
  rand.writeUInt32BE(n, 4);
  const sqn = Buffer.alloc(6);
  sqn.writeUInt32BE(n + 1, 0);
  return makeVector(keys, rand, sqn, AMF);
}

const impiOf = (subscriber: number): string => `${subscriber}@ims.mnc001.mcc001.3gppnetwork.org`;

function ubPair(subscriber: number, n: number): [string, string] {
  const username = impiOf(subscriber);
  const { rand, autn, xres } = vectorOf(subscriber, n);
  const first = buildAuthorization({ username, realm: BSF, nonce: '', uri: '/', response: '' });
  const fields = {
    username,
    realm: BSF,
    nonce: makeAkaNonce(rand, autn),
    uri: '/',
    qop: 'auth-int' as const,
    nc: '00000001',
    cnonce: '0a4f113b0a4f113b',
    algorithm: 'AKAv1-MD5',
  };
  const response = computeResponse({ ...fields, password: xres, method: 'GET' });
  return [first, buildAuthorization({ ...fields, response })];
}

/** Whole bootstraps (two exchanges) a second: vectors by MILENAGE in this process, contexts in the memory store. */
export async function benchUb(): Promise<BenchResult> {
  const pki = makeTestPki([BSF]);
  const keyFile = join(mkdtempSync(join(tmpdir(), 'gba-bench-')), 'key');
  writeFileSync(keyFile, systemRandom.bytes(32).toString('hex'));
  const taken = new Map<string, number>();
  const avSource: AvSource = {
    async fetch({ impi }) {
      const n = taken.get(impi) ?? 0;
      taken.set(impi, n + 1);
      return { impi, ...vectorOf(Number.parseInt(impi, 10), n), uiccType: 'GBA' };
    },
  };
  const config = bsfConfigSchema.parse({
    name: BSF,
    ub: { port: 0 },
    sbi: { port: 0 },
    tls: pki.files(BSF),
    hss: { url: 'https://127.0.0.1:1', serverName: 'hss.sho-a.test' },
    nafs: [],
    store: { driver: 'memory' },
    keyFile,
  });
  const bsf = await startBsf(config, { clock: systemClock, random: systemRandom, log: silentLog, avSource });
  const probe = 1_000_000;
  const [first, second] = ubPair(probe, 0);
  const headers = { 'user-agent': AGENT };
  const challenge = await capture(bsf.ports.ub, { ...headers, authorization: first });
  const done = await capture(bsf.ports.ub, { ...headers, authorization: second });
  const bare = await bareServer([
    { when: (text) => text.includes('nonce=""'), answer: challenge },
    { when: () => true, answer: done },
  ]);
  const counts = new Array<number>(CONNECTIONS).fill(0);
  const result = await compete({
    name: 'Ub bootstraps over HTTP',
    reference: 'bare node:http, same bytes, two exchanges',
    exchanges: 2,
    expected: ['401', '200'],
    own: bsf.ports.ub,
    bare: bare.port,
    prepare: async () =>
      counts.map((from, subscriber) => {
        counts[subscriber] = from + PER_CONNECTION;
        return Array.from({ length: PER_CONNECTION }, (_, i) => ubPair(subscriber, from + i))
          .flat()
          .map((authorization) => requestText(BSF, authorization));
      }),
  });
  await bare.close();
  await bsf.close();
  return result;
}

/** Ua checks a second behind `gbaAuth` on plain HTTP (auth-int, rspauth), the key in the session cache. */
export async function benchUa(): Promise<BenchResult> {
  const ksNaf = systemRandom.bytes(32);
  const username = `${systemRandom.bytes(16).toString('base64')}@${BSF}`;
  const password = Buffer.from(ksNaf.toString('base64'));
  const zn = {
    fetch: async () => ({ ksNaf: SecretKey.copyOf(ksNaf), keyExpiry: systemClock.now() + 3_600_000, impi: impiOf(1) }),
  };
  const naf = gbaAuth({ fqdn: NAF, zn });
  const page = '{"temperature":21.5,"unit":"C"}\n';
  const server = await listen(
    naf.protect((_req, res) => {
      res.setHeader('Content-Type', 'application/json');
      res.end(page, 'latin1');
    }),
    { address: '127.0.0.1', port: 0 },
  );
  const nonceOf = async (): Promise<{ nonce: string; realm: string }> => {
    const { headers } = await capture(server.port, {});
    return parseChallenge(headers[headers.findIndex((name) => /^www-authenticate$/i.test(name)) + 1] ?? '');
  };
  const authorize = ({ nonce, realm }: { nonce: string; realm: string }, count: number): string => {
    const nc = count.toString(16).padStart(8, '0');
    const fields = { username, realm, nonce, uri: '/', qop: 'auth-int' as const, nc, cnonce: '0a4f113b0a4f113b' };
    const response = computeResponse({ ...fields, algorithm: 'MD5', password, method: 'GET' });
    return buildAuthorization({ ...fields, algorithm: 'MD5', response });
  };
  const answer = await capture(server.port, { authorization: authorize(await nonceOf(), 1) });
  const bare = await bareServer([{ when: () => true, answer }]);
  const result = await compete({
    name: 'Ua checks over HTTP',
    reference: 'bare node:http, same bytes',
    exchanges: 1,
    expected: ['200'],
    own: server.port,
    bare: bare.port,
    prepare: () =>
      Promise.all(
        Array.from({ length: CONNECTIONS }, async () => {
          const challenge = await nonceOf();
          return Array.from({ length: PER_CONNECTION * 3 }, (_, i) => requestText(NAF, authorize(challenge, i + 1)));
        }),
      ),
  });
  await bare.close();
  await server.close();
  return result;
}

if (process.env['GBA_BENCH_LOAD'] !== undefined) serveLoad();
