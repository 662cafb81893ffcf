import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { GbaError, silentLog } from '../../src/base/index.ts';
import { createClient, createRouter, type HttpClient, listen, type RunningServer } from '../../src/http/index.ts';

let server: RunningServer;
let client: HttpClient;
const thing = z.strictObject({ name: z.string() });

before(async () => {
  const listener = createRouter(
    [
      { method: 'POST', path: '/things', bodyLimit: 100, handle: (c) => ({ status: 201, json: c.json(thing) }) },
      { method: 'POST', path: '/empty', handle: () => ({ status: 204 }) },
      { method: 'GET', path: '/things/:id', handle: (c) => ({ status: 200, json: { id: c.params['id'] } }) },
      {
        method: 'GET',
        path: '/broken',
        handle: () => {
          throw new TypeError('secret detail');
        },
      },
      {
        method: 'GET',
        path: '/refused',
        handle: () => {
          throw new GbaError('too-late', 'the machine is past step 8');
        },
      },
    ],
    silentLog,
  );
  server = await listen(listener, { address: '127.0.0.1', port: 0 });
  client = createClient({ url: `http://127.0.0.1:${server.port}` });
});
after(async () => {
  client.close();
  await server.close();
});

test('a refusal is problem+json with its stable code and its own status', async () => {
  const answer = await client.send('GET', '/refused');
  assert.equal(answer.status, 409);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.cause(), 'too-late');
  await assert.rejects(client.call('GET', '/refused'), { code: 'too-late', retryable: false });
});

test('a foreign error shows nothing of itself', async () => {
  const answer = await client.send('GET', '/broken');
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body.toString(), /secret detail/);
  await assert.rejects(client.call('GET', '/broken'), { code: 'peer-unreachable', retryable: true });
});

test('extra members, wrong types, bad UTF-8 and no body are refused as json-invalid', async () => {
  for (const bytes of ['{"name":"a","admin":true}', '{"name":1}', '', '[]', '{"name":"a"} x']) {
    const answer = await client.send('POST', '/things', { bytes: Buffer.from(bytes) });
    assert.equal(answer.cause(), 'json-invalid', bytes);
    assert.equal(answer.status, 400);
  }
  const bad = await client.send('POST', '/things', { bytes: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]) });
  assert.equal(bad.cause(), 'json-invalid');
  assert.equal((await client.send('POST', '/things', { json: { name: 'a' } })).status, 201);
});

test('a body over the limit is refused, declared or not', async () => {
  const declared = await client.send('POST', '/things', { bytes: Buffer.alloc(101, 'a') });
  assert.equal(declared.status, 413);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write('POST /things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
      socket.write(`c8\r\n${'a'.repeat(200)}\r\n`);
    });
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 413 /);
});

test('a client that sends on after a refusal gets its answer, and the connection goes on', {
  timeout: 5_000,
}, async () => {
  const chunk = `8000\r\n${'a'.repeat(0x8000)}\r\n`;
  const answers = await new Promise<string>((resolve, reject) => {
    let seen = '';
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write('POST /things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
      socket.write(chunk.repeat(60));
      socket.write('0\r\n\r\nGET /things/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
    socket.on('data', (data) => {
      seen += data.toString();
    });
    socket.once('close', () => resolve(seen));
    socket.once('error', reject);
  });
  assert.deepEqual(answers.match(/HTTP\/1\.1 \d{3}/g), ['HTTP/1.1 413', 'HTTP/1.1 200']);
});

test('unknown paths and methods are told apart; parameters are percent-decoded', async () => {
  assert.equal((await client.send('GET', '/nothing')).status, 404);
  assert.equal((await client.send('DELETE', '/things')).status, 405);
  assert.equal((await client.send('GET', '/things/%ZZ')).status, 404);
  const answer = await client.send('GET', '/things/a%40b%2Fc');
  assert.deepEqual(answer.json(z.unknown()), { id: 'a@b/c' });
});

test('405 says what is allowed, an absolute target is its path, 204 has no length', async () => {
  assert.equal((await client.send('DELETE', '/things')).headers['allow'], 'POST');
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write('GET http://x.test/things/7?a HTTP/1.1\r\nHost: x\r\n\r\n');
      socket.end('POST /empty HTTP/1.1\r\nHost: x\r\n\r\n');
    });
    let seen = '';
    socket.on('data', (data) => {
      seen += data.toString();
    });
    socket.once('close', () => resolve(seen));
    socket.once('error', reject);
  });
  const [first = '', second = ''] = text.split('HTTP/1.1 204');
  assert.match(first, /^HTTP\/1\.1 200[\s\S]*\{"id":"7"\}/);
  assert.doesNotMatch(second, /content-length/i);
});

test('a peer that is not there is a retryable refusal', async () => {
  const lost = createClient({ url: 'http://127.0.0.1:1' });
  await assert.rejects(lost.send('GET', '/'), { code: 'peer-unreachable', retryable: true });
});
