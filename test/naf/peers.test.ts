import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import express from 'express';
import supertest from 'supertest';
import { uaIdOfCipherSuite } from '../../src/gba/index.ts';
import { createClient } from '../../src/http/index.ts';
import { createZnClient, gbaAuth } from '../../src/naf/index.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { bootstrap, uaPassword } from '../support/ue.ts';
import { ask, closeNafs, credentialsFor, curl, curlMissing, freshKey, type Lab, PAGE, startNaf } from './support.ts';

let lab: Lab;
let naf: Awaited<ReturnType<typeof startNaf>>;

before(async () => {
  lab = await startTestBsf();
  naf = await startNaf(lab);
});
after(async () => {
  await closeNafs();
  await lab.bsf.close();
});

test('curl --digest reads the page with B-TID and Ks_NAF', {
  skip: curlMissing && `skipped: ${curlMissing}`,
}, async () => {
  const { btid, password } = await freshKey(lab);
  const answer = await curl('--digest', '-u', `${btid}:${password}`, `${naf.url}/page?x=1`);
  assert.deepEqual(answer, { body: PAGE, status: 200 });
});

test('curl --digest is refused with a wrong key', { skip: curlMissing && `skipped: ${curlMissing}` }, async () => {
  const { btid } = await freshKey(lab);
  const answer = await curl('--digest', '-u', `${btid}:${'A'.repeat(43)}=`, `${naf.url}/`);
  assert.equal(answer.status, 401);
  assert.equal(naf.lastCode(), 'digest-wrong');
});

test('curl --digest is refused when the context has expired', {
  skip: curlMissing && `skipped: ${curlMissing}`,
}, async () => {
  const { btid, password } = await freshKey(lab);
  lab.time.now += 3_600_000;
  const answer = await curl('--digest', '-u', `${btid}:${password}`, `${naf.url}/`);
  assert.equal(answer.status, 401);
  assert.equal(naf.lastCode(), 'btid-unknown');
});

test('curl is refused with a replayed nonce count', { skip: curlMissing && `skipped: ${curlMissing}` }, async () => {
  const key = await freshKey(lab);
  const header = `Authorization: ${credentialsFor(await ask(naf.url), key)}`;
  assert.equal((await curl('-H', header, `${naf.url}/`)).status, 200);
  assert.equal((await curl('-H', header, `${naf.url}/`)).status, 401);
  assert.equal(naf.lastCode(), 'nc-replayed');
});

test("inside TLS the key is that of the connection's cipher suite; the key for plain HTTP is refused", async () => {
  const secure = await startNaf(lab, { tls: true });
  const run = await bootstrap(lab.ub, lab.subscriber, BSF);
  const client = createClient({ url: secure.url, serverName: NAF, tls: { ca: lab.pki.pem(NAF).ca } });
  const challenge = async () => {
    const answer = await client.send('GET', '/');
    return { status: answer.status, headers: answer.headers, body: answer.body, suite: answer.cipherSuite ?? '' };
  };
  const first = await challenge();
  const plain = { btid: run.btid, password: uaPassword(run, NAF) };
  const wrong = await client.send('GET', '/', { headers: { authorization: credentialsFor(first, plain) } });
  assert.equal(wrong.status, 401);
  assert.equal(secure.lastCode(), 'digest-wrong');
  const bound = { btid: run.btid, password: uaPassword(run, NAF, uaIdOfCipherSuite(first.suite)) };
  const right = await client.send('GET', '/', { headers: { authorization: credentialsFor(await challenge(), bound) } });
  assert.equal(right.status, 200);
  assert.match(String(right.headers['authentication-info']), /qop=auth, rspauth="[0-9a-f]{32}"/);
  assert.equal(right.headers['x-btid'], run.btid);
  client.close();
  await secure.close();
});

test('Express: a mounted router behind gbaAuth sees the subscriber, everybody else gets 401', async () => {
  const zn = createZnClient({ routes: [{ bsf: BSF, peer: { url: lab.sbi, serverName: BSF } }], tls: lab.pki.pem(NAF) });
  const auth = gbaAuth({ fqdn: NAF, zn, clock: lab.clock });
  const app = express();
  const router = express.Router();
  router.get('/me', (req, res) => void res.status(201).json({ impi: req.gba?.impi }));
  router.get('/parts', (_req, res) => {
    res.writeHead(200, 'Fine', { 'x-part': ['a', 'b'] });
    res.write('one ');
    res.write(Buffer.from('two'));
    res.end();
  });
  router.post('/echo', (req, res) => void res.send(req.gbaBody?.toString() ?? ''));
  app.use('/api', auth, router);
  const key = await freshKey(lab);
  const refused = await supertest(app).get('/api/me');
  assert.equal(refused.status, 401);
  assert.equal(refused.body.cause, 'unauthenticated');
  const as = (target: string, method = 'GET', body = '') =>
    credentialsFor(
      { status: 401, headers: refused.headers, body: Buffer.alloc(0) },
      key,
      { target, method, body },
      { nc: `0000000${++count}` },
    );
  let count = 0;
  const me = await supertest(app).get('/api/me').set('authorization', as('/api/me'));
  assert.equal(me.status, 201);
  assert.deepEqual(me.body, { impi: lab.subscriber.impi });
  const parts = await supertest(app).get('/api/parts').set('authorization', as('/api/parts'));
  assert.equal(parts.status, 200);
  assert.match(String(parts.headers['authentication-info']), /rspauth/);
  assert.equal(parts.headers['content-length'], '7');
  const echo = await supertest(app)
    .post('/api/echo')
    .set('authorization', as('/api/echo', 'POST', 'hello'))
    .set('content-type', 'text/plain')
    .send('hello');
  assert.equal(echo.text, 'hello');
  zn.close();
});
