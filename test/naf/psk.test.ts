import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SecretKey } from '../../src/base/index.ts';
import { deriveKsIntNaf, nafId } from '../../src/gba/index.ts';
import { createClient } from '../../src/http/index.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { bootstrap, uaPassword } from '../support/ue.ts';
import { closeNafs, credentialsFor, type Lab, startNaf } from './support.ts';

const TLS13 = Buffer.from('0100000007', 'hex');
const TLS12 = Buffer.from('01000100aa', 'hex');
let lab: Lab;
before(async () => {
  lab = await startTestBsf();
});
after(async () => {
  await closeNafs();
  await lab.bsf.close();
});

async function ue(naf: { url: string }, change: { uaId?: Buffer; orCertificate?: boolean } = {}) {
  const run = await bootstrap(lab.ub, lab.subscriber, BSF);
  const key = (uaId: Buffer) => SecretKey.adopt(Buffer.from(uaPassword(run, NAF, change.uaId ?? uaId), 'base64'));
  const psk = { btid: run.btid, tls13: key(TLS13), tls12: key(TLS12), orCertificate: change.orCertificate ?? false };
  const client = createClient({ url: naf.url, serverName: NAF, tls: { ca: lab.pki.pem(NAF).ca }, psk });
  const digest = async (uaId: Buffer, btid = run.btid) => {
    const empty = `Digest username="${run.btid}", realm="-", nonce="-", uri="/", response="${'0'.repeat(32)}"`;
    const challenge = await client.send('GET', '/', { headers: { authorization: empty } });
    return credentialsFor(challenge, { btid, password: uaPassword(run, NAF, uaId) });
  };
  return { run, client, digest };
}

test('a PSK connection proves all its requests, without Digest, and costs one look-up at the BSF', async () => {
  const naf = await startNaf(lab, { tls: true, psk: true });
  const { client, run } = await ue(naf);
  for (let i = 0; i < 3; i++) {
    const answer = await client.send('GET', '/');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.pskUaId, TLS13);
    assert.equal(answer.headers['x-btid'], run.btid);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['authentication-info'], undefined);
  }
  assert.equal(naf.zn.calls, 1);
  client.close();
  await naf.close();
});

test('the key of another Ua security protocol makes no connection', async () => {
  const naf = await startNaf(lab, { tls: true, psk: true });
  const { client } = await ue(naf, { uaId: Buffer.from('0100000002', 'hex') });
  await assert.rejects(client.send('GET', '/'), { code: 'tls-key-refused', retryable: false });
  assert.equal(naf.lastCode(), 'tls-handshake-failed');
  client.close();
  await naf.close();
});

test('a server without PSK, and a BSF that forgot: refused, or by certificate where that is allowed', async () => {
  const naf = await startNaf(lab, { tls: true });
  const strict = await ue(naf);
  await assert.rejects(strict.client.send('GET', '/'), { code: 'tls-key-refused' });
  const lenient = await ue(naf, { orCertificate: true });
  const answer = await lenient.client.send('GET', '/');
  assert.equal(answer.status, 401);
  assert.equal(answer.pskUaId, undefined);
  strict.client.close();
  lenient.client.close();
  await naf.close();
});

test('when the key ends, the open connection is served no more', async () => {
  const naf = await startNaf(lab, { tls: true, psk: true });
  const { client } = await ue(naf);
  assert.equal((await client.send('GET', '/')).status, 200);
  lab.time.now += 3_600_000;
  const late = await client.send('GET', '/');
  assert.equal(late.status, 401);
  assert.equal(late.headers.connection, 'close');
  assert.match(String(late.headers['www-authenticate']), /3GPP-bootstrapping@/);
  await assert.rejects(client.send('GET', '/'), { code: 'tls-key-refused' });
  client.close();
  await naf.close();
});

test('a B-TID that is forgotten here and at the BSF ends its connections', async () => {
  const naf = await startNaf(lab, { tls: true, psk: true });
  const { client, run } = await ue(naf);
  assert.equal((await client.send('GET', '/')).status, 200);
  naf.naf.forget(run.btid);
  assert.equal((await client.send('GET', '/')).status, 200, 'the BSF still knows it');
  const admin = createClient({ url: lab.sbi, serverName: BSF, tls: lab.pki.pem('sho-a.test') });
  await admin.call('DELETE', `/admin/v1/contexts?impi=${encodeURIComponent(lab.subscriber.impi)}`);
  admin.close();
  naf.naf.forget(run.btid);
  assert.equal((await client.send('GET', '/')).status, 401);
  client.close();
  await naf.close();
});

test('Digest inside a PSK connection: the same subscriber, by the key of that connection', async () => {
  const naf = await startNaf(lab, { tls: true, psk: true });
  const { client, digest } = await ue(naf);
  const other = await bootstrap(lab.ub, lab.subscriber, BSF);
  const send = async (authorization: string) => (await client.send('GET', '/', { headers: { authorization } })).status;
  assert.equal(await send(await digest(TLS13)), 200);
  assert.equal(await send(await digest(Buffer.from('0100011301', 'hex'))), 401);
  assert.equal(naf.lastCode(), 'digest-wrong');
  assert.equal(await send(await digest(TLS13, other.btid)), 401);
  assert.equal(naf.lastCode(), 'btid-wrong');
  client.close();
  await naf.close();
});

test('asserted identities of a client are stripped on a PSK connection too', async () => {
  const naf = await startNaf(lab, { tls: true, psk: true });
  const { client } = await ue(naf);
  const answer = await client.send('GET', '/', { headers: { 'x-3gpp-asserted-identity': '"root"' } });
  assert.equal(answer.status, 200);
  client.close();
  await naf.close();
});

test('a NAF that takes the key in the UICC asks the BSF for it, and only such a key opens', async () => {
  const run = await bootstrap(lab.ub, lab.subscriber, BSF);
  const ksIntNaf = deriveKsIntNaf({
    ks: SecretKey.copyOf(Buffer.alloc(32, 9)),
    rand: Buffer.alloc(16),
    impi: 'x',
    nafId: nafId(NAF, TLS13),
  });
  const queries: (boolean | undefined)[] = [];
  const naf = await startNaf(lab, {
    tls: true,
    psk: true,
    uicc: true,
    zn: {
      fetch: async ({ gbaUAware }) => {
        queries.push(gbaUAware);
        const ksNaf = SecretKey.copyOf(Buffer.alloc(32, 1));
        return { ksNaf, ksIntNaf: SecretKey.copyOf(ksIntNaf.bytes()), keyExpiry: lab.clock.now() + 1000 };
      },
    },
  });
  const { connect } = await import('node:tls');
  const ask = (identity: string, psk: Buffer) =>
    new Promise<string>((resolve) => {
      const client = connect({
        host: '127.0.0.1',
        port: naf.port,
        servername: NAF,
        ca: [],
        pskCallback: () => ({ identity, psk }),
      });
      client.on('secureConnect', () => client.write(`GET / HTTP/1.1\r\nhost: ${NAF}\r\nconnection: close\r\n\r\n`));
      let text = '';
      client.on('data', (chunk) => {
        text += String(chunk);
      });
      client.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      client.on('end', () => resolve(text.slice(9, 12)));
    });
  assert.equal(await ask(`3GPP-bootstrapping-uicc;${run.btid}`, ksIntNaf.bytes()), '200');
  assert.equal(await ask(`3GPP-bootstrapping;${run.btid}`, Buffer.alloc(32, 1)), '200');
  assert.match(await ask(`3GPP-bootstrapping;${run.btid}`, ksIntNaf.bytes()), /^ERR_SSL/);
  assert.match(await ask(`3GPP-bootstrapping-uicc;${run.btid}`, Buffer.alloc(32, 1)), /^ERR_SSL/);
  assert.deepEqual(queries, [true, undefined]);
  await naf.close();
});
