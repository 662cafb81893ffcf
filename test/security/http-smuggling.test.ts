import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog } from '../../src/base/index.ts';
import { createRouter, listen, NBSP_GBA_PATH, type RunningServer } from '../../src/http/index.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { closeNafs, startNaf } from '../naf/support.ts';
import { sayRaw, statusesOf } from './raw.ts';

let server: RunningServer;
const taken: string[] = [];

before(async () => {
  const router = createRouter(
    [
      {
        method: 'POST',
        path: '/take',
        handle({ body }) {
          taken.push(body.toString('latin1'));
          return { status: 204 };
        },
      },
      {
        method: 'GET',
        path: '/hidden',
        handle() {
          taken.push('hidden');
          return { status: 204 };
        },
      },
    ],
    silentLog,
  );
  server = await listen(router, { address: '127.0.0.1', port: 0 });
});
after(async () => {
  await server.close();
  await closeNafs();
});

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

/** Requests whose end two readers could see at two places: name, header lines, body. */
const AMBIGUOUS: readonly (readonly [string, string, string])[] = [
  ['Content-Length and Transfer-Encoding', 'Content-Length: 4\r\nTransfer-Encoding: chunked', chunked(HIDDEN)],
  ['Transfer-Encoding, then Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length: 4', chunked(HIDDEN)],
  ['two lengths that differ', `Content-Length: 0\r\nContent-Length: ${HIDDEN.length}`, HIDDEN],
  ['two lengths that agree', 'Content-Length: 3\r\nContent-Length: 3', 'abc'],
  ['a list of lengths', 'Content-Length: 3, 3', 'abc'],
  ['a length with a sign', 'Content-Length: +3', 'abc'],
  ['a negative length', 'Content-Length: -3', 'abc'],
  ['a hexadecimal length', 'Content-Length: 0x3', 'abc'],
  ['a length with a fraction', 'Content-Length: 3.0', 'abc'],
  ['a length past 64 bits', 'Content-Length: 18446744073709551619', 'abc'],
  ['an empty length', 'Content-Length:', HIDDEN],
  ['chunked under another name', 'Transfer-Encoding: xchunked', chunked(HIDDEN)],
  ['chunked that is not last', 'Transfer-Encoding: chunked, identity', chunked(HIDDEN)],
  ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', chunked(HIDDEN)],
  ['a folded Transfer-Encoding', 'Transfer-Encoding:\r\n chunked', chunked(HIDDEN)],
  ['a folded header', 'X-Note: a\r\n b\r\nContent-Length: 3', 'abc'],
  ['a blank before the colon', 'Content-Length : 3', 'abc'],
  ['a blank before the name', ' Content-Length: 3', 'abc'],
  ['a name with a control character', 'Content-\x01Length: 3', 'abc'],
  ['a zero octet in a value', 'X-Note: a\0b\r\nContent-Length: 3', 'abc'],
  ['a bare CR in a value', 'X-Note: a\rContent-Length: 30\r\nContent-Length: 3', 'abc'],
  ['a chunk size with a sign', 'Transfer-Encoding: chunked', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a chunk size that is no number', 'Transfer-Encoding: chunked', 'zz\r\nabc\r\n0\r\n\r\n'],
  ['a chunk size past 64 bits', 'Transfer-Encoding: chunked', `${'f'.repeat(17)}\r\nabc\r\n0\r\n\r\n`],
  ['a chunk longer than its size', 'Transfer-Encoding: chunked', '1\r\nabc\r\n0\r\n\r\n'],
];

test('a request whose end is ambiguous is refused and closes the connection: nothing rides behind it', async () => {
  for (const [name, headers, body] of AMBIGUOUS) {
    taken.length = 0;
    const said = await sayRaw(server.port, `POST /take HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}${HIDDEN}`);
    assert.deepEqual(statusesOf(said), [400], `${name}: ${said}`);
    assert.deepEqual(taken, [], name);
  }
});

test('a request line that is no HTTP/1.1 request line is refused', async () => {
  for (const line of ['GET /hidden HTTP/9.9', 'G\0T /hidden HTTP/1.1', 'GET /hidden\tHTTP/1.1', 'PRI * HTTP/2.0']) {
    taken.length = 0;
    const said = await sayRaw(server.port, `${line}\r\nHost: x\r\n\r\n`);
    assert.ok(
      statusesOf(said).every((status) => status >= 400),
      `${line}: ${said}`,
    );
    assert.deepEqual(taken, [], line);
  }
});

test('an upgrade to TLS inside plain HTTP (RFC 2817) is not taken up', async () => {
  const said = await sayRaw(
    server.port,
    HIDDEN.replace('Host: x', 'Host: x\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade'),
  );
  assert.ok(!statusesOf(said).includes(101), said);
});

test('headers over the limit are refused', async () => {
  const said = await sayRaw(server.port, HIDDEN.replace('Host: x', `Host: x\r\nX-Note: ${'a'.repeat(20_000)}`));
  assert.deepEqual(statusesOf(said), [431]);
});

test('two Authorization headers are refused on Ub and on Ua, whichever comes first', async (t) => {
  const bsf = await startTestBsf();
  t.after(() => bsf.bsf.close());
  const naf = await startNaf(bsf);
  const digest = 'Digest username="a", realm="b", nonce="", uri="/", response=""';
  const others = ['Basic YTpi', digest.replace('"a"', '"c"'), ''];
  for (const other of others) {
    for (const pair of [
      [digest, other],
      [other, digest],
    ]) {
      const lines = pair.map((value) => `Authorization: ${value}\r\n`).join('');
      const ub = await sayRaw(bsf.bsf.ports.ub, `GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: 3gpp-gba\r\n${lines}\r\n`);
      assert.deepEqual(statusesOf(ub), [400], `Ub ${pair.join(' + ')}: ${ub}`);
      const ua = await sayRaw(naf.port, `GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`);
      // A scheme that is not Digest asks for bootstrapping, as none at all does.
      assert.ok([400, 401].includes(statusesOf(ua)[0] ?? 0), `Ua ${pair.join(' + ')}: ${ua}`);
    }
  }
});

test('two Authorization headers are refused on Zn, though the first is a good bearer token', async (t) => {
  const shared = Buffer.alloc(32, 7);
  const keyFile = join(mkdtempSync(join(tmpdir(), 'gba-bearer-')), 'key');
  writeFileSync(keyFile, shared.toString('hex'));
  const lab = await startTestBsf({ config: { oauth: { issuer: 'nrf-1', algorithm: 'HS256', keyFile } } });
  t.after(() => lab.bsf.close());
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'nrf-1', sub: NAF, aud: 'GBA_BSF', scope: 'nbsp-gba', exp: lab.time.now / 1000 + 60 };
  const signed = `${part({ alg: 'HS256' })}.${part(claims)}`;
  const token = `Bearer ${signed}.${createHmac('sha256', shared).update(signed).digest('base64url')}`;
  const nafId = { nafFqdn: NAF, uaSecProtId: '0100000002' };
  const body = JSON.stringify({ btId: 'AAAAAAAAAAAAAAAAAAAAAA==@bsf.sho-a.test', nafId });
  const ask = (authorizations: readonly string[]) =>
    new Promise<number>((resolve, reject) => {
      const url = new URL(NBSP_GBA_PATH, lab.sbi);
      const headers = authorizations.flatMap((value) => ['authorization', value]);
      const raw = ['host', BSF, 'content-type', 'application/json', 'content-length', String(body.length), ...headers];
      const tls = { ...lab.pki.pem(NAF), servername: BSF };
      const req = request(url, { ...tls, method: 'POST', headers: raw as never }, (res) => {
        res.resume();
        resolve(res.statusCode ?? 0);
      });
      req.on('error', reject);
      req.end(body);
    });
  assert.equal(await ask([token]), 404);
  assert.equal(await ask([token, 'Bearer a.b.c']), 401);
  assert.equal(await ask([token, token]), 401);
});
