import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { buildAuthorization } from '../../src/digest/index.ts';
import { listen, type RunningServer } from '../../src/http/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';
import { makeTestPki } from '../support/pki.ts';

/** A function that is told to end, in a process of its own: what is under way is answered, and nothing of it is lost. */

const BSF = 'bsf.test';
const HSS = 'hss.test';
const pki = makeTestPki([BSF, HSS]);
const store = join(pki.dir, 'store');
/** Requests for vectors that the HSS has not answered yet. */
const waiting: ServerResponse[] = [];
let hss: RunningServer;
let rand = 0;

before(async () => {
  hss = await listen(
    (req, res) => {
      req.resume();
      if (req.url?.includes('generate-auth-data') === true) waiting.push(res);
      else res.writeHead(404).end();
    },
    { address: '127.0.0.1', port: 0, tls: pki.pem(HSS), clientCertificate: 'required', limits: { drainSeconds: 0 } },
  );
  writeFileSync(join(pki.dir, 'key'), systemRandom.bytes(32).toString('hex'));
});
after(async () => {
  await hss.close();
  rmSync(pki.dir, { recursive: true, force: true });
});

function giveVector(res: ServerResponse): void {
  const one = (octet: string, length: number): string => octet.repeat(length);
  const av = { autn: one('11', 16), xres: one('22', 8), ck: one('33', 16), ik: one('44', 16) };
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ '3gAkaAv': { ...av, rand: (++rand).toString(16).padStart(32, '0') } }));
}

async function startBsf(
  drainSeconds: number,
): Promise<{ child: ChildProcess; port: number; ended: Promise<unknown[]> }> {
  const file = join(pki.dir, `bsf-${drainSeconds}.yaml`);
  const config = {
    name: BSF,
    ub: { port: 0, limits: { drainSeconds } },
    sbi: { port: 0 },
    tls: pki.files(BSF),
    hss: { url: `https://127.0.0.1:${hss.port}`, serverName: HSS },
    nafs: [],
    store: { driver: 'lmdb', path: store },
    keyFile: join(pki.dir, 'key'),
  };
  writeFileSync(file, stringify(config));
  const args = ['--import', 'tsx', 'src/cli/main.ts', 'bsf', '--config', file, '--json', '--log-level', 'error'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const { ports } = JSON.parse(line.toString()) as { ports: { ub: number } };
  return { child, port: ports.ub, ended };
}

function open(port: number) {
  const socket: Socket = connect(port, '127.0.0.1');
  const seen = { text: '' };
  socket.on('error', () => {});
  socket.on('data', (data) => {
    seen.text += data.toString();
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, seen, closed };
}

const authorization = buildAuthorization({
  username: 'user@ims.test',
  realm: BSF,
  nonce: '',
  uri: '/',
  response: '',
});
const ASK = `GET / HTTP/1.1\r\nHost: ${BSF}\r\nAuthorization: ${authorization}\r\n\r\n`;

async function untilWaiting(): Promise<ServerResponse> {
  for (;;) {
    const res = waiting.shift();
    if (res !== undefined) return res;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: an idle connection goes at once, a request under way is answered, its record is on the disk, exit 0`, {
    timeout: 60_000,
  }, async () => {
    const { child, port, ended } = await startBsf(10);
    const idle = open(port);
    idle.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    while (!idle.seen.text.includes('authorization-missing')) await once(idle.socket, 'data');
    const slow = open(port);
    slow.socket.write(ASK);
    const vector = await untilWaiting();
    child.kill(signal);
    await idle.closed;
    const late = open(port);
    await late.closed;
    assert.equal(late.seen.text, '');
    assert.equal(child.exitCode, null, 'it waits for the answer');
    giveVector(vector);
    await slow.closed;
    assert.match(slow.seen.text, /^HTTP\/1\.1 401 /);
    assert.match(slow.seen.text, /connection: close/i);
    assert.deepEqual(await ended, [0, null]);
    const kept = openLmdbStore(store, systemClock);
    const challenge = await kept.get('bsf-challenge', rand.toString(16).padStart(32, '0'));
    await kept.close();
    assert.ok(challenge !== undefined);
  });
}

test('a request that is never answered is cut off when the time is over, and the exit code is 0 all the same', {
  timeout: 60_000,
}, async () => {
  const { child, port, ended } = await startBsf(0.3);
  const hung = open(port);
  hung.socket.write(ASK);
  await untilWaiting();
  const started = performance.now();
  child.kill('SIGTERM');
  await hung.closed;
  assert.deepEqual(await ended, [0, null]);
  assert.ok(performance.now() - started < 10_000);
});
