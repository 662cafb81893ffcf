import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { codeOf, createSealer, type Log, type LogFields, SecretKey } from '../../src/base/index.ts';
import { createClient, createRouter, listen, listenBeside, systemNet } from '../../src/http/index.ts';
import { gbaAuth } from '../../src/naf/index.ts';
import { sayRaw } from './raw.ts';

test('an answer that drips in octet by octet ends at the deadline, for all that it is never idle', async (t) => {
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'content-length': 1_000_000 });
    const drip = setInterval(() => res.write('a'), 20);
    res.on('close', () => clearInterval(drip));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createClient({ url, timeoutMs: 200, deadlineMs: 400 });
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  const started = performance.now();
  await assert.rejects(client.send('GET', '/'), { code: 'peer-unreachable', retryable: true });
  assert.ok(performance.now() - started < 2_000);
});

test('a log line does not grow with what a stranger sends', async (t) => {
  const lines: string[] = [];
  const keep = (event: string, fields?: LogFields) => void lines.push(JSON.stringify({ event, ...fields }));
  const log: Log = { info: keep, warn: keep, error: keep, child: () => log };
  const server = await listen(createRouter([{ method: 'GET', path: '/a', handle: () => ({ status: 204 }) }], log), {
    address: '127.0.0.1',
    port: 0,
  });
  t.after(() => server.close());
  for (const target of [`/${'x'.repeat(15_000)}`, `http://x.test/${'y'.repeat(15_000)}`, `/a?${'z'.repeat(15_000)}`]) {
    await sayRaw(server.port, `DELETE ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
  }
  assert.equal(lines.length, 3);
  for (const line of lines) assert.ok(line.length < 400, `${line.length} octets`);
});

test('a source of randomness that stands still or repeats itself is refused when a function starts', () => {
  const key = SecretKey.copyOf(Buffer.alloc(32, 7));
  let count = 0;
  for (const bytes of [
    (length: number) => Buffer.alloc(length),
    (length: number) => Buffer.alloc(length, 0xff),
    (length: number) => Buffer.alloc(length, ++count),
    (length: number) => Buffer.from(Array.from({ length }, (_, i) => i)),
    (length: number) => Buffer.alloc(length - 1, 3),
  ]) {
    assert.throws(
      () => createSealer(key, { bytes }),
      (error) => codeOf(error) === 'random-weak',
    );
  }
  const zn = { fetch: () => Promise.reject(new TypeError('not asked')) };
  assert.throws(() => gbaAuth({ fqdn: 'naf.test', zn, random: { bytes: (length) => Buffer.alloc(length) } }), {
    code: 'random-weak',
  });
});

test('a function whose second port is taken leaves the first one free', async (t) => {
  const listener = createRouter([], { info() {}, warn() {}, error() {}, child: (): Log => assert.fail() });
  const taken = await listen(listener, { address: '127.0.0.1', port: 0 });
  t.after(() => taken.close());
  const first = await listen(listener, { address: '127.0.0.1', port: 0 });
  const second = { address: '127.0.0.1', port: taken.port };
  await assert.rejects(listenBeside(systemNet, first, listener, second), { code: 'listen-failed' });
  await (await listen(listener, { address: '127.0.0.1', port: first.port })).close();
});
