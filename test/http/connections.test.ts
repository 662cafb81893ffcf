import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { addressKey, type Log, type LogFields, silentLog } from '../../src/base/index.ts';
import { createClient, type Listener, type ListenOptions, listen } from '../../src/http/index.ts';
import { makeTestPki } from '../support/pki.ts';

const HELLO = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const ok: Listener = (_req, res) => void res.end('ok');

async function serve(t: TestContext, listener: Listener, options: Partial<ListenOptions> = {}) {
  const server = await listen(listener, { address: '127.0.0.1', port: 0, ...options });
  t.after(() => server.close());
  return server;
}

/** A connection that gathers what comes; `ended` when the other end has closed it. */
function open(t: TestContext, port: number, localAddress = '127.0.0.1') {
  const socket: Socket = connect({ port, host: '127.0.0.1', localAddress });
  const seen = { text: '' };
  socket.on('data', (data) => {
    seen.text += data.toString();
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  const holds = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(seen.text)) await once(socket, 'data');
  };
  return { socket, seen, closed, holds };
}

test('one address gets so many connections, another one is served all the same, and the log says how many were turned away', async (t) => {
  const lines: [string, LogFields | undefined][] = [];
  const log: Log = { ...silentLog, warn: (event, fields) => void lines.push([event, fields]), child: () => log };
  const server = await serve(t, ok, { limits: { connectionsPerAddress: 2 }, log });
  const first = open(t, server.port);
  const second = open(t, server.port);
  for (const one of [first, second]) {
    one.socket.write(HELLO);
    await one.holds(/ok$/);
  }
  const third = open(t, server.port);
  third.socket.write(HELLO);
  await third.closed;
  assert.equal(third.seen.text, '');
  const other = open(t, server.port, '127.0.0.2');
  other.socket.write(HELLO);
  await other.holds(/ok$/);
  assert.deepEqual(lines[0]?.[0], 'connections-refused');
  assert.equal(lines[0]?.[1]?.['perAddress'], 1);
  first.socket.destroy();
  await first.closed;
  await assertServed(t, server.port);
});

/** A place that has become free is free: at most a moment later. */
async function assertServed(t: TestContext, port: number): Promise<void> {
  for (let i = 0; i < 50; i++) {
    const again = open(t, port);
    again.socket.write(HELLO);
    await Promise.race([again.holds(/ok$/).catch(() => undefined), again.closed]);
    if (again.seen.text.endsWith('ok')) return;
  }
  assert.fail('never served again');
}

test('a server takes so many connections in all', async (t) => {
  const server = await serve(t, ok, { limits: { connections: 1 } });
  const first = open(t, server.port);
  first.socket.write(HELLO);
  await first.holds(/ok$/);
  const second = open(t, server.port);
  second.socket.write(HELLO);
  await second.closed;
  assert.equal(second.seen.text, '');
});

test('over TLS a connection without room costs no handshake', async (t) => {
  const pki = makeTestPki(['a.test']);
  const server = await serve(t, ok, { limits: { connections: 1 }, tls: pki.pem('a.test') });
  const client = createClient({
    url: `https://127.0.0.1:${server.port}`,
    serverName: 'a.test',
    tls: pki.pem('a.test'),
  });
  t.after(() => client.close());
  assert.equal((await client.send('GET', '/')).status, 200);
  const socket = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
  const outcome = await new Promise((resolve) => {
    socket.once('secureConnect', () => resolve('handshake')).once('error', () => resolve('refused'));
    socket.once('close', () => resolve('refused'));
  });
  assert.equal(outcome, 'refused');
  assert.equal((await client.send('GET', '/')).status, 200);
});

test('more header fields than anybody needs are refused', async (t) => {
  const server = await serve(t, ok);
  const one = open(t, server.port);
  const fields = Array.from({ length: 101 }, (_, i) => `x${i}: y\r\n`).join('');
  one.socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
  await one.closed;
  assert.match(one.seen.text, /^HTTP\/1\.1 431 /);
  assert.match(one.seen.text, /headers-too-many/);
});

test('draining: idle connections go at once, a request under way is answered with connection: close, nobody new comes', async (t) => {
  let answer: ServerResponse | undefined;
  const server = await listen(
    (req, res) => {
      if (req.url === '/slow') answer = res;
      else res.end('ok');
    },
    { address: '127.0.0.1', port: 0, limits: { drainSeconds: 10 } },
  );
  const idle = open(t, server.port);
  idle.socket.write(HELLO);
  await idle.holds(/ok$/);
  const never = open(t, server.port);
  await once(never.socket, 'connect');
  const slow = open(t, server.port);
  slow.socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  while (answer === undefined) await new Promise((resolve) => setImmediate(resolve));
  const started = performance.now();
  let ended = false;
  const closing = server.close().then(() => {
    ended = true;
  });
  await idle.closed;
  assert.ok(performance.now() - started < 400, 'at once');
  const late = open(t, server.port);
  await late.closed;
  assert.equal(late.seen.text, '');
  await never.closed;
  assert.ok(performance.now() - started < 3_000, 'who never asked for anything does not hold it up');
  assert.equal(ended, false);
  answer.writeHead(200, { 'content-length': 5 });
  answer.end('at it');
  await slow.closed;
  assert.match(slow.seen.text, /^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*at it$/i);
  await closing;
  assert.ok(performance.now() - started < 5_000);
});

test('draining: who has no answer when the time is over is cut off', async (t) => {
  const server = await listen(() => {}, { address: '127.0.0.1', port: 0, limits: { drainSeconds: 0.2 } });
  const hung = open(t, server.port);
  hung.socket.write(HELLO);
  await once(hung.socket, 'connect');
  const started = performance.now();
  await server.close();
  await hung.closed;
  assert.equal(hung.seen.text, '');
  assert.ok(performance.now() - started < 3_000);
});

test('limits see an IPv4 address behind its IPv6 form, and all of a /64 as one', () => {
  assert.equal(addressKey('::ffff:192.0.2.7'), '192.0.2.7');
  assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(addressKey('2001:db8:1:2::9'), addressKey('2001:0db8:1:2:ffff::1'));
  assert.notEqual(addressKey('2001:db8:1:2::9'), addressKey('2001:db8:1:3::9'));
  assert.equal(addressKey('::1'), '0:0:0:0::/64');
  assert.equal(addressKey('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(addressKey(undefined), '');
});
