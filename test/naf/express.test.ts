import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import express from 'express';
import { computeRspauth, parseAuthenticationInfo, parseChallenge } from '../../src/digest/index.ts';
import { createZnClient, gbaAuth } from '../../src/naf/index.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { ask, credentialsFor, freshKey, type Lab, type UaRequest } from './support.ts';

let lab: Lab;
let server: Server;
let url: string;
let key: { btid: string; password: string };
let zn: ReturnType<typeof createZnClient>;

before(async () => {
  lab = await startTestBsf();
  key = await freshKey(lab);
  zn = createZnClient({ routes: [{ bsf: BSF, peer: { url: lab.sbi, serverName: BSF } }], tls: lab.pki.pem(NAF) });
  const auth = gbaAuth({ fqdn: NAF, zn, clock: lab.clock });
  const app = express();
  app.use('/read-before', express.json());
  app.use(auth);
  app.post('/json', express.json(), (req, res) => void res.json({ got: req.body }));
  app.post('/pipe', (req, res) => void req.pipe(res));
  app.post('/ignored', (_req, res) => void res.send('not read'));
  app.get('/json', (_req, res) => void res.json({ name: 'wörld' }));
  app.get('/moved', (_req, res) => void res.redirect('/json'));
  app.get('/nothing', (_req, res) => void res.sendStatus(204));
  app.get('/file', (_req, res) => void res.sendFile(import.meta.filename));
  app.get('/throws', () => {
    throw new Error('a route fails');
  });
  app.get('/half', (_req, res) => {
    res.write('half an answer');
    throw new Error('a route fails late');
  });
  app.get('/array', (_req, res) => {
    res.setHeader('Content-Type', 'text/plain');
    res.writeHead(200, ['Content-Type', 'text/html', 'X-Part', 'a', 'X-Part', 'b']).end('x');
  });
  app.get('/no-reason', (_req, res) => void res.writeHead(201, undefined, { 'X-Part': 'a' }).end('x'));
  app.get('/trailer', (_req, res) => {
    res.setHeader('Trailer', 'X-Sum');
    res.write('x');
    res.addTrailers({ 'X-Sum': '1' });
    res.end();
  });
  app.get('/hooked', (_req, res) => {
    // What session and cookie middlewares do to add a header as late as they can.
    const { writeHead } = res;
    res.writeHead = ((...args: Parameters<typeof writeHead>) => {
      res.setHeader('Set-Cookie', 'late=1');
      return writeHead.apply(res, args);
    }) as typeof writeHead;
    res.end('x');
  });
  server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  server.closeAllConnections();
  server.close();
  zn.close();
  await lab.bsf.close();
});

/** One proven request; the answer's rspauth is checked over its body. */
async function proven(target: string, request: UaRequest = {}) {
  const challenge = await ask(url);
  const { realm, nonce } = parseChallenge(String(challenge.headers['www-authenticate']));
  const answer = await ask(url, credentialsFor(challenge, key, { ...request, target }), { ...request, target });
  const { rspauth, cnonce = '' } = parseAuthenticationInfo(String(answer.headers['authentication-info']));
  const fields = { algorithm: 'MD5', username: key.btid, realm, nonce, uri: target, nc: '00000001', cnonce };
  const password = Buffer.from(key.password);
  assert.equal(rspauth, computeRspauth({ ...fields, qop: 'auth-int', password, body: answer.body }), target);
  return answer;
}
const json = { 'content-type': 'application/json' };

test('a body that auth-int has checked is still there for a JSON parser, a pipe, or nobody', async () => {
  const parsed = await proven('/json', { method: 'POST', body: '{"a":1}', headers: json });
  assert.equal(parsed.body.toString(), '{"got":{"a":1}}');
  for (const size of [1, 1000, 16_384, 16_385, 60_000]) {
    const body = 'x'.repeat(size);
    assert.equal((await proven('/pipe', { method: 'POST', body })).body.length, size);
    assert.equal((await proven('/ignored', { method: 'POST', body })).body.toString(), 'not read');
  }
});

test('a body that was read before gbaAuth is an error, not a request that hangs', async () => {
  const request = { method: 'POST', target: '/read-before', body: '{"a":1}', headers: json };
  const answer = await ask(url, credentialsFor(await ask(url), key, request), request);
  assert.equal(answer.status, 500);
  assert.equal(JSON.parse(answer.body.toString()).cause, 'body-consumed');
});

test('JSON, redirects, empty answers, ranges, not-modified and errors of routes are all signed', async () => {
  assert.equal((await proven('/json')).body.toString(), '{"name":"wörld"}');
  assert.equal((await proven('/moved')).status, 302);
  assert.equal((await proven('/nothing')).status, 204);
  assert.equal((await proven('/throws')).status, 500);
  assert.equal((await proven('/unknown')).status, 404);
  const part = await proven('/file', { headers: { range: 'bytes=0-9' } });
  assert.deepEqual([part.status, part.body.length], [206, 10]);
  const { etag } = (await proven('/json')).headers;
  assert.equal((await proven('/json', { headers: { 'if-none-match': String(etag) } })).status, 304);
});

test('a route that fails after its first octet ends the connection, as without the middleware', async () => {
  await assert.rejects(proven('/half'), { code: 'ECONNRESET' });
});

test('headers merge as node merges them, late hooks run, trailers give way to the length', async () => {
  const array = await proven('/array');
  assert.deepEqual([array.headers['content-type'], array.headers['x-part']], ['text/html', 'a, b']);
  assert.equal((await proven('/no-reason')).headers['x-part'], 'a');
  assert.deepEqual((await proven('/hooked')).headers['set-cookie'], ['late=1']);
  assert.equal((await proven('/trailer')).headers['trailer'], undefined);
});
