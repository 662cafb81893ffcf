import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { type Log, silentLog } from '../../../src/base/index.ts';
import { computeRspauth, parseAuthenticationInfo, parseChallenge } from '../../../src/digest/index.ts';
import { uaIdOfCipherSuite } from '../../../src/gba/index.ts';
import { listen, readBody } from '../../../src/http/index.ts';
import { createAuthProxy, createZnClient, gbaAuth, proxySchema } from '../../../src/naf/index.ts';
import { BSF, NAF, startTestBsf } from '../../bsf/support.ts';
import { bootstrap, type RawAnswer, send, uaPassword } from '../../support/ue.ts';
import { ask, credentialsFor, freshKey, type UaRequest } from '../support.ts';

type Lab = Awaited<ReturnType<typeof startTestBsf>>;
type Handler = (req: IncomingMessage, res: ServerResponse) => void;

let lab: Lab;
let key: { btid: string; password: string };
/** What the server behind does, and what it has seen. */
let behave: Handler;
const seen: IncomingMessage[] = [];
const upstream = createServer((req, res) => {
  seen.push(req);
  behave(req, res);
});
const closing: (() => unknown)[] = [];

const echo: Handler = (req, res) =>
  void readBody(req, 10_000_000).then(
    (body) => res.end(`got ${body.length} ${body.toString().slice(0, 20)}`),
    () => res.destroy(),
  );
const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
async function listening<T extends Server>(server: T): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return portOf(server);
}

before(async () => {
  await listening(upstream);
  lab = await startTestBsf({
    config: { nafs: [{ client: NAF, hosts: [NAF], gsIds: [1] }], keyLifetimeSeconds: 86_400 },
  });
  const uss = [{ gsId: 1, gsType: 0, ueIds: [{ ueId: 'sip:me@ims.test' }, { ueId: 'tel:+1' }], flags: [{ flag: 7 }] }];
  lab.hss.add(lab.subscriber.impi, lab.subscriber.keys, { uss });
  key = await freshKey(lab);
});
after(async () => {
  for (const close of closing) await close();
  await lab.bsf.close();
  upstream.closeAllConnections();
  upstream.close();
});
beforeEach(() => {
  behave = echo;
  seen.length = 0;
});

/** The proxy behind gbaAuth, in front of the server above unless `port` says otherwise. */
async function startProxy(
  more: Record<string, unknown> = {},
  where: { port?: number; path?: string; tls?: boolean } = {},
) {
  const codes: unknown[] = [];
  const log: Log = { ...silentLog, info: (_event, fields) => void codes.push(fields?.['code']) };
  const config = proxySchema.parse({
    upstream: `http://127.0.0.1:${where.port ?? portOf(upstream)}${where.path ?? ''}`,
    timeoutSeconds: 1,
    ...more,
  });
  const tls = lab.pki.pem(NAF);
  const zn = createZnClient({ routes: [{ bsf: BSF, peer: { url: lab.sbi, serverName: BSF } }], tls });
  const auth = gbaAuth({ fqdn: NAF, zn, clock: lab.clock, gsIds: config.gsIds, bodyLimit: config.maxBodyBytes });
  const proxy = createAuthProxy({ ...config, fqdn: NAF, tls, log });
  const server = await listen(auth.protect(proxy.listener), {
    address: '127.0.0.1',
    port: 0,
    ...(where.tls === true && { tls }),
  });
  closing.push(async () => {
    proxy.close();
    zn.close();
    await server.close();
  });
  const url = `http://127.0.0.1:${server.port}`;
  const get = async (request: UaRequest = {}) => await ask(url, credentialsFor(await ask(url), key, request), request);
  return { url, get, port: server.port, lastCode: () => codes.at(-1) };
}

const problem = (answer: RawAnswer): string => JSON.parse(answer.body.toString()).cause as string;
const valuesOf = ({ rawHeaders }: IncomingMessage, name: string): string[] =>
  rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);

test('who has not proven a key never reaches the server behind', async () => {
  const { url } = await startProxy();
  const asserted = { 'X-3GPP-Asserted-Identity': '"boss@ims.test"' };
  assert.equal((await ask(url, undefined, { headers: asserted })).status, 401);
  const wrong = credentialsFor(await ask(url), { ...key, password: 'x' });
  assert.equal((await ask(url, wrong, { headers: asserted })).status, 401);
  assert.equal(seen.length, 0);
});

test('spoofed assertions are stripped: case, repetition, underscores, and Connection naming what we say', async () => {
  const { url } = await startProxy({ gsIds: [1] });
  const headers: Record<string, string | string[]> = {
    'x-3gpp-ASSERTED-identity': ['"boss@ims.test"', '"boss2@ims.test"'],
    X_3GPP_Asserted_Identity: '"boss@ims.test"',
    'x-3gpp_authorization-flags': '"99"',
    'X-3GPP-Authorization-Flags': '"99"',
    Forwarded: 'for=10.0.0.1',
    'X-Forwarded-User': 'boss',
    Connection: 'keep-alive, X-3GPP-Asserted-Identity, x-3gpp-authorization-flags, X-Private',
    'X-Private': '1',
    'X-Kept': ['a', 'b'],
    Via: '1.0 edge',
    authorization: credentialsFor(await ask(url), key),
  };
  assert.equal((await send(url, { headers })).status, 200);
  const [request] = seen;
  assert.ok(request);
  assert.deepEqual(valuesOf(request, 'x-3gpp-asserted-identity'), [`"${lab.subscriber.impi}"`]);
  assert.deepEqual(valuesOf(request, 'x-3gpp-authorization-flags'), ['"7"']);
  assert.deepEqual(valuesOf(request, 'x-kept'), ['a', 'b']);
  assert.deepEqual(valuesOf(request, 'via'), [`1.0 edge, 1.1 ${NAF}`]);
  assert.deepEqual(valuesOf(request, 'forwarded'), [`for=127.0.0.1;host=${NAF};proto=http`]);
  assert.deepEqual(valuesOf(request, 'host'), [`127.0.0.1:${portOf(upstream)}`]);
  const text = request.rawHeaders.join('\n').toLowerCase();
  for (const gone of ['boss', '"99"', 'digest', 'x-private', '10.0.0.1', '_'])
    assert.equal(text.includes(gone), false, gone);
});

test('identities of the USS, the one that the UE means, or a pseudonym; without any the UE is told so, signed', async () => {
  const identities = await startProxy({ assert: 'identities', gsIds: [1] });
  await identities.get();
  await identities.get({ headers: { 'X-3GPP-Intended-Identity': '"tel:+1"' } });
  const foreign = await identities.get({ headers: { 'X-3GPP-Intended-Identity': '"sip:boss@ims.test"' } });
  assert.equal(foreign.status, 403);
  await (await startProxy({ assert: 'btid' })).get();
  const said = seen.map((request) => valuesOf(request, 'x-3gpp-asserted-identity').join());
  assert.deepEqual(said, ['"sip:me@ims.test", "tel:+1"', '"tel:+1"', `"${key.btid}"`]);
  const none = await (await startProxy({ assert: 'identities' })).get();
  assert.equal(none.status, 403);
  assert.match(String(none.headers['authentication-info']), /rspauth=/);
  assert.equal(seen.length, 3);
});

test('auth-int: a body gets through whole and signed; a changed one does not reach the server behind', async () => {
  const { url, get } = await startProxy();
  const request = { method: 'POST', target: '/in?x=1', body: 'a body' };
  const challenge = await ask(url);
  const authorization = credentialsFor(challenge, key, request);
  const changed = await ask(url, authorization, { ...request, body: 'A body' });
  assert.equal(changed.status, 401);
  assert.equal(seen.length, 0);
  const answer = await get(request);
  assert.equal(answer.body.toString(), 'got 6 a body');
  assert.equal(seen[0]?.url, '/in?x=1');
  assert.deepEqual(valuesOf(seen[0] as IncomingMessage, 'content-length'), ['6']);
  const info = parseAuthenticationInfo(String(answer.headers['authentication-info']));
  const sent = await ask(url);
  const { nonce, realm } = parseChallenge(String(sent.headers['www-authenticate']));
  const again = credentialsFor(sent, key, request);
  const signed = await ask(url, again, request);
  const covered = { algorithm: 'MD5', username: key.btid, realm, password: Buffer.from(key.password), uri: '/in?x=1' };
  const expected = computeRspauth({
    ...covered,
    nonce,
    qop: 'auth-int',
    nc: '00000001',
    cnonce: info.cnonce ?? '',
    body: signed.body,
  });
  assert.equal(parseAuthenticationInfo(String(signed.headers['authentication-info'])).rspauth, expected);
});

test('what the server behind says is passed on: status, cookies, HEAD; what is ours to say is not', async () => {
  const { get } = await startProxy();
  behave = (_req, res) => {
    res.writeHead(404, [
      ...['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Cache-Control', 'public', 'Connection', 'X-Hop', 'X-Hop', '1'],
      ...['Authentication-Info', 'rspauth="evil"', 'Content-Length', '4', 'X-Own', 'é'],
    ]);
    res.end(Buffer.from('gone'));
  };
  const answer = await get();
  assert.equal(answer.status, 404);
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers['via'], `1.1 ${NAF}`);
  assert.equal(answer.headers['x-hop'], undefined);
  assert.equal(answer.headers['x-own'], 'é');
  assert.doesNotMatch(String(answer.headers['authentication-info']), /evil/);
  const head = await get({ method: 'HEAD' });
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [404, '4', 0]);
  behave = (_req, res) => res.writeHead(204).end();
  assert.equal((await get({ method: 'DELETE' })).status, 204);
});

test('Upgrade, TRACE, a loop, dot segments and a body over the limit are refused before the server behind hears of them', async () => {
  const { get, lastCode } = await startProxy({ maxBodyBytes: 100 }, { path: '/app' });
  const refused: [number, string, UaRequest][] = [
    [501, 'upgrade-refused', { headers: { Upgrade: 'websocket', Connection: 'Upgrade' } }],
    [405, 'method-not-allowed', { method: 'TRACE' }],
    [508, 'proxy-loop', { headers: { Via: `1.1 ${NAF}` } }],
    [404, 'not-found', { target: '/../admin' }],
    [404, 'not-found', { target: '/%2e%2e/admin' }],
    [413, 'body-too-large', { method: 'POST', body: 'x'.repeat(101) }],
  ];
  for (const [status, code, request] of refused) {
    const answer = await get(request);
    assert.equal(problem(answer), code);
    assert.equal(answer.status, status, code);
  }
  assert.equal(lastCode(), 'not-found', 'the body was refused where it was read for its digest');
  assert.equal(seen.length, 0);
  assert.equal((await get({ target: '/x?y=/../z' })).status, 200);
  assert.equal(seen[0]?.url, '/app/x?y=/../z');
});

test('no server behind is 502, a silent one 504, one that wants credentials or another protocol 502', async () => {
  const nobody = createTcpServer();
  const port = await listening(nobody);
  nobody.close();
  await once(nobody, 'close');
  const down = await (await startProxy({}, { port })).get();
  assert.deepEqual([down.status, problem(down)], [502, 'upstream-unreachable']);

  const { get } = await startProxy();
  behave = () => undefined;
  const silent = await get();
  assert.deepEqual([silent.status, problem(silent)], [504, 'upstream-timeout']);
  assert.match(String(silent.headers['authentication-info']), /rspauth=/, 'a refusal that the UE can believe');
  for (const status of [401, 407]) {
    behave = (_req, res) => res.writeHead(status, { 'www-authenticate': 'Basic realm="x"' }).end();
    const answer = await get();
    assert.deepEqual([answer.status, problem(answer)], [502, 'upstream-refused']);
    assert.equal(answer.headers['www-authenticate'], undefined);
  }
});

test('a server behind that speaks no HTTP, changes the protocol, drips or breaks off does not hang or fool the UE', async () => {
  let script: string[] = [];
  const raw = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', async () => {
      for (const piece of script) {
        socket.write(piece);
        await new Promise((done) => setTimeout(done, 250));
      }
      socket.end();
    });
  });
  const { get } = await startProxy({}, { port: await listening(raw) });
  closing.push(() => raw.close());
  const statusFor = async (...pieces: string[]) => {
    script = pieces;
    return (await get()).status;
  };
  assert.equal(await statusFor('nonsense\r\n\r\n'), 502);
  assert.equal(await statusFor('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'), 502);
  assert.equal(await statusFor(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), 502);
  assert.equal(await statusFor('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'), 502);
  assert.equal(await statusFor(...'HTTP/1.1 200'.split('')), 504, 'a header that drips in');
  assert.equal(await statusFor(''), 502, 'a connection that just ends');
  await assert.rejects(
    statusFor('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    'what was cut off is not signed',
  );
  await assert.rejects(statusFor('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'));
});

test('an answer that is too large to be held back is refused, or cut off when that shows late', async () => {
  const { get } = await startProxy({ maxAnswerBytes: 1000 });
  behave = (_req, res) => res.end('x'.repeat(1001));
  const answer = await get();
  assert.deepEqual([answer.status, problem(answer)], [502, 'upstream-refused']);
  behave = (_req, res) => {
    res.write('x'.repeat(600));
    res.end('x'.repeat(600));
  };
  await assert.rejects(get());
  behave = (_req, res) => res.end('x'.repeat(1000));
  assert.equal((await get()).body.length, 1000);
});

/** A UE inside TLS: the key of this connection's suite, then the request; `write` sends its body. */
async function overTls(
  port: number,
  request: { method: string; headers?: Record<string, string> },
  write: (req: ReturnType<typeof httpsRequest>) => void,
) {
  const run = await bootstrap(lab.ub, lab.subscriber, BSF);
  const options = {
    host: '127.0.0.1',
    port,
    servername: NAF,
    ca: lab.pki.pem(NAF).ca,
    agent: false,
    path: '/',
  } as const;
  const first = httpsRequest(options);
  first.end();
  const [challenge] = (await once(first, 'response')) as [IncomingMessage];
  const suite = (challenge.socket as unknown as { getCipher(): { standardName: string } }).getCipher().standardName;
  challenge.resume();
  const password = uaPassword(run, NAF, uaIdOfCipherSuite(suite));
  const raw: RawAnswer = { status: 401, headers: challenge.headers, body: Buffer.alloc(0) };
  const authorization = credentialsFor(raw, { btid: run.btid, password }, request);
  const req = httpsRequest({ ...options, ...request, headers: { ...request.headers, authorization } });
  write(req);
  return req;
}
const answerOf = async (req: ReturnType<typeof httpsRequest>): Promise<{ status: number; body: string }> => {
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of res) body += String(chunk);
  return { status: res.statusCode ?? 0, body };
};

test('inside TLS bodies are streamed both ways, up to the limit', async () => {
  const { port } = await startProxy({ maxBodyBytes: 300_000, maxAnswerBytes: 10 }, { tls: true });
  const piece = Buffer.alloc(50_000, 'x');
  const chunked = { method: 'POST', headers: { 'transfer-encoding': 'chunked' } };
  const within = await overTls(port, chunked, (req) => {
    for (let i = 0; i < 5; i++) req.write(piece);
    req.end();
  });
  assert.deepEqual(await answerOf(within), { status: 200, body: 'got 250000 xxxxxxxxxxxxxxxxxxxx' });
  assert.deepEqual(valuesOf(seen[0] as IncomingMessage, 'transfer-encoding'), ['chunked']);
  assert.match(valuesOf(seen[0] as IncomingMessage, 'forwarded')[0] ?? '', /proto=https/);
  const over = await overTls(port, chunked, (req) => {
    req.on('error', () => undefined);
    for (let i = 0; i < 7; i++) req.write(piece);
    req.end();
  });
  assert.equal((await answerOf(over)).status, 413);
  const announced = await overTls(port, { method: 'PUT', headers: { 'content-length': '300001' } }, (req) => {
    req.on('error', () => undefined);
    req.flushHeaders();
  });
  const [refused] = (await once(announced, 'response')) as [IncomingMessage];
  assert.equal(refused.statusCode, 413);
  announced.destroy();
  assert.equal(seen.length, 2);
});

test('a server behind that answers before the end of the body, and a UE that goes away, leave nothing behind', async () => {
  const { port } = await startProxy({}, { tls: true });
  behave = (_req, res) => res.writeHead(403).end('no');
  const early = await overTls(port, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }, (req) => {
    req.on('error', () => undefined);
    req.write('x');
  });
  assert.deepEqual(await answerOf(early), { status: 403, body: 'no' });
  early.destroy();

  const reached = new Promise<IncomingMessage>((resolve) => {
    behave = (req) => resolve(req);
  });
  const leaving = await overTls(port, { method: 'GET' }, (req) => {
    req.on('error', () => undefined);
    req.end();
  });
  const request = await reached;
  request.on('error', () => undefined);
  const cut = new Promise((resolve) => request.once('close', resolve));
  leaving.destroy();
  await cut;
  assert.equal(request.destroyed, true);
});

test('a kept connection that the server behind closed meanwhile costs nobody an answer, and nothing is done twice', async () => {
  // The runs of the tests above have pushed the first one out.
  key = await freshKey(lab);
  let served = 0;
  const raw = createTcpServer((socket) => {
    let taken = false;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      // Answers once a connection and says that it goes on, then drops it at the next request.
      if (taken) return socket.resetAndDestroy();
      taken = true;
      served++;
      const method = chunk.toString().split(' ', 1)[0] ?? '';
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${method.length}\r\n\r\n${method}`);
    });
  });
  const { get } = await startProxy({}, { port: await listening(raw) });
  closing.push(() => raw.close());
  assert.equal((await get()).body.toString(), 'GET');
  assert.equal((await get()).body.toString(), 'GET', 'again, on a new connection');
  assert.equal((await get({ method: 'POST', body: 'x' })).status, 502, 'who knows what it has done');
  assert.equal(served, 2);
});
