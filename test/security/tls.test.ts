import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { type ConnectionOptions, connect, createServer } from 'node:tls';
import { silentLog } from '../../src/base/index.ts';
import { createClient, createRouter, listen } from '../../src/http/index.ts';
import { makeTestPki } from '../support/pki.ts';

const pki = makeTestPki(['server.test', 'client.test']);
const router = createRouter([{ method: 'GET', path: '/', handle: () => ({ status: 204 }) }], silentLog);

/** The version that was agreed on, or why there was none. */
function offer(port: number, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const { ca } = pki.pem('client.test');
    const all = { host: '127.0.0.1', port, ca, servername: 'server.test', ...options };
    try {
      const socket = connect(all, () => {
        resolve(socket.getProtocol() ?? 'none');
        socket.destroy();
      });
      socket.on('error', ({ message }) => resolve(`refused: ${message}`));
    } catch (error) {
      resolve(`refused: ${String(error)}`);
    }
  });
}

test('a server takes TLS 1.2 and 1.3 and nothing older, and no suite without encryption or authentication', async (t) => {
  const server = await listen(router, { address: '127.0.0.1', port: 0, tls: pki.pem('server.test') });
  t.after(() => server.close());
  assert.equal(await offer(server.port, {}), 'TLSv1.3');
  assert.equal(await offer(server.port, { maxVersion: 'TLSv1.2' }), 'TLSv1.2');
  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    const old = { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' };
    assert.match(await offer(server.port, old), /^refused/, version);
  }
  for (const ciphers of ['eNULL', 'aNULL', 'EXPORT', 'RC4', 'DES', '3DES', 'PSK']) {
    const weak = { maxVersion: 'TLSv1.2' as const, ciphers: `${ciphers}:@SECLEVEL=0` };
    assert.match(await offer(server.port, weak), /^refused/, ciphers);
  }
});

test('a client goes to no server with an older TLS, another name, another authority, or none at all', async (t) => {
  const { cert, key, ca } = pki.pem('server.test');
  const old = { cert, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
  const server = createServer(old, (socket) => socket.end());
  server.on('tlsClientError', () => undefined);
  const plain = createTcpServer((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
  const good = await listen(router, { address: '127.0.0.1', port: 0, tls: pki.pem('server.test') });
  for (const one of [server, plain]) await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.close();
    plain.close();
    await good.close();
  });
  const portOf = (one: { address(): unknown }): number => (one.address() as AddressInfo).port;
  const reach = async (port: number, serverName: string, authority = ca): Promise<void> => {
    const client = createClient({ url: `https://127.0.0.1:${port}`, serverName, tls: { ca: authority } });
    try {
      await client.send('GET', '/');
    } finally {
      client.close();
    }
  };
  const unreachable = { code: 'peer-unreachable' };
  await assert.rejects(reach(portOf(server), 'server.test'), unreachable);
  await assert.rejects(reach(portOf(plain), 'server.test'), unreachable);
  await assert.rejects(reach(good.port, 'client.test'), unreachable);
  const stranger = makeTestPki([]);
  await assert.rejects(reach(good.port, 'server.test', readFileSync(stranger.ca, 'utf8')), unreachable);
  await reach(good.port, 'server.test');
});
