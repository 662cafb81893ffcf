import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { after, before, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { GbaError, SecretKey } from '../../src/base/index.ts';
import { listen, type RunningServer } from '../../src/http/index.ts';
import { type PskSource, pskTunnelOf } from '../../src/tls/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { BTID, FQDN, IDENTITY, KEY, recordsOf, withPsk } from './support.ts';

const pki = makeTestPki([FQDN]);
const { ca } = pki.pem(FQDN);
const codes: string[] = [];
const asked: { btid: string; uaId: string }[] = [];
let answer: () => Promise<SecretKey | undefined>;
const known = () => new Promise<SecretKey | undefined>((resolve) => setImmediate(() => resolve(SecretKey.copyOf(KEY))));
const source: PskSource = {
  fqdn: FQDN,
  choices: ['me'],
  find({ btid }, uaId) {
    asked.push({ btid, uaId: uaId.toString('hex') });
    return answer();
  },
  refused: (code) => void codes.push(code),
};
let server: RunningServer;
before(async () => {
  server = await listen(
    (req, res) => {
      const tunnel = pskTunnelOf(req.socket);
      res.end(tunnel === undefined ? 'nobody' : `${tunnel.btid} ${tunnel.uaId.toString('hex')}`);
    },
    { address: '127.0.0.1', port: 0, tls: pki.pem(FQDN), psk: source },
  );
});
after(() => server.close());

interface Outcome {
  body?: string;
  suite?: string;
  code?: string;
  session?: Buffer;
  reused?: boolean;
  bits?: number;
}

function ask(options: ConnectionOptions): Promise<Outcome> {
  answer = answer ?? known;
  asked.length = 0;
  codes.length = 0;
  return new Promise((resolve) => {
    const outcome: Outcome = {};
    let text = '';
    const client = connect({ host: '127.0.0.1', port: server.port, servername: FQDN, ca, ...options }, () => {
      outcome.suite = client.getCipher().standardName;
      outcome.reused = client.isSessionReused();
      const ephemeral = client.getEphemeralKeyInfo();
      if (ephemeral !== null && 'size' in ephemeral) outcome.bits = ephemeral.size;
      client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    });
    client.on('session', (session) => {
      outcome.session = session;
    });
    client.on('data', (chunk) => {
      text += String(chunk);
    });
    client.on('error', (error: NodeJS.ErrnoException) => {
      outcome.code = error.code ?? error.message;
    });
    client.on('close', () => {
      if (text !== '') outcome.body = text.split('\r\n\r\n')[1] ?? '';
      resolve(outcome);
    });
  });
}

const TLS12 = { maxVersion: 'TLSv1.2' as const, checkServerIdentity: () => undefined };
const SUITES = [
  ['ECDHE-PSK-CHACHA20-POLY1305', '010001ccac'],
  ['DHE-PSK-AES128-GCM-SHA256', '01000100aa'],
  ['DHE-PSK-AES256-GCM-SHA384', '01000100ab'],
  ['DHE-PSK-CHACHA20-POLY1305', '010001ccad'],
] as const;

test('TLS 1.3: the key comes late, the connection is made with it, its identifier is 01 00 00 00 07', async () => {
  answer = known;
  const { body, suite } = await ask(withPsk());
  assert.equal(body, `${BTID} 0100000007`);
  assert.equal(suite, 'TLS_AES_128_GCM_SHA256');
  assert.deepEqual(asked, [{ btid: BTID, uaId: '0100000007' }]);
});

test('TLS 1.3 with a second ClientHello, for another group', async () => {
  answer = known;
  const { body } = await ask({ ...withPsk(), minVersion: 'TLSv1.3', ecdhCurve: 'P-521:P-256' });
  assert.equal(body, `${BTID} 0100000007`);
});

for (const [ciphers, uaId] of SUITES) {
  test(`TLS 1.2 with ${ciphers}: the identifier of the key is that of the suite`, async () => {
    answer = known;
    const { body } = await ask({ ...withPsk(), ...TLS12, ciphers });
    assert.equal(body, `${BTID} ${uaId}`);
    assert.deepEqual(asked, [{ btid: BTID, uaId }]);
  });
}

test('TLS 1.2: the Diffie-Hellman group is of 3072 bits', async () => {
  answer = known;
  assert.equal((await ask({ ...withPsk(), ...TLS12, ciphers: SUITES[1][0] })).bits, 3072);
});

test('TLS 1.2: of several suites the server takes its best, and the key for that one is asked for', async () => {
  answer = known;
  const ciphers = 'PSK-AES128-GCM-SHA256:DHE-PSK-AES256-GCM-SHA384:DHE-PSK-AES128-GCM-SHA256';
  const { suite, body } = await ask({ ...withPsk(), ...TLS12, ciphers });
  assert.equal(suite, 'TLS_DHE_PSK_WITH_AES_128_GCM_SHA256');
  assert.equal(body, `${BTID} 01000100aa`);
});

test('the hint names the keys that are taken', async () => {
  answer = known;
  let hint: string | null | undefined;
  const pskCallback = (given: string | null) => {
    hint = given;
    return { psk: KEY, identity: IDENTITY };
  };
  await ask({ ...TLS12, pskCallback, ciphers: 'DHE-PSK-AES128-GCM-SHA256' });
  assert.equal(hint, '3GPP-bootstrapping');
});

test('clients without a key are served by certificate on the same port, and may resume', async () => {
  const first = await ask({});
  assert.equal(first.body, 'nobody');
  assert.deepEqual(asked, []);
  assert.ok(first.session !== undefined);
  const again = await ask({ session: first.session });
  assert.equal(again.body, 'nobody');
  assert.equal(again.reused, true);
  const old = await ask({ ...TLS12, ca });
  assert.equal(old.body, 'nobody');
  assert.match(old.suite ?? '', /^TLS_ECDHE_/);
});

test('a wrong key is refused in both versions, with nothing served', async () => {
  answer = known;
  const wrong = Buffer.alloc(32, 8);
  const tls13 = await ask(withPsk(IDENTITY, wrong));
  assert.equal(tls13.body, undefined);
  assert.equal(tls13.code, 'ERR_SSL_SSLV3_ALERT_ILLEGAL_PARAMETER');
  const tls12 = await ask({ ...withPsk(IDENTITY, wrong), ...TLS12, ciphers: SUITES[1][0] });
  assert.equal(tls12.body, undefined);
  assert.equal(tls12.code, 'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC');
  assert.deepEqual(codes, ['tls-handshake-failed']);
});

test('a B-TID that no BSF knows: TLS 1.3 goes on by certificate, TLS 1.2 ends with unknown_psk_identity', async () => {
  answer = async () => undefined;
  const tls13 = await ask(withPsk());
  assert.equal(tls13.body, 'nobody');
  assert.equal(tls13.reused, false);
  assert.deepEqual(codes, ['btid-unknown']);
  const withoutRoots = await ask({ ...withPsk(), ca: [] });
  assert.equal(withoutRoots.body, undefined);
  const tls12 = await ask({ ...withPsk(), ...TLS12, ciphers: SUITES[1][0] });
  assert.equal(tls12.code, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY');
  const nobody = await ask({ ...withPsk('somebody'), ...TLS12, ciphers: SUITES[1][0] });
  assert.equal(nobody.code, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY');
  assert.deepEqual(asked, []);
});

test('a BSF that cannot be reached: internal_error, the key itself is not refused', async () => {
  answer = () => Promise.reject(new GbaError('peer-unreachable', 'no BSF'));
  assert.equal((await ask(withPsk())).code, 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR');
  const tls12 = await ask({ ...withPsk(), ...TLS12, ciphers: SUITES[1][0] });
  assert.equal(tls12.code, 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR');
  assert.ok(codes.includes('peer-unreachable'));
  answer = () => Promise.reject(new GbaError('naf-not-allowed', 'not this NAF'));
  assert.equal((await ask(withPsk())).code, 'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED');
});

test('no PSK connection is resumed: neither by ticket alone nor beside the key', async () => {
  answer = known;
  for (const version of [{}, { ...TLS12, ciphers: SUITES[1][0] }]) {
    const { session } = await ask({ ...withPsk(), ...version });
    answer = async () => undefined;
    const bare = await ask({ ...version, ...withPsk(), session });
    assert.notEqual(bare.body, `${BTID} 0100000007`);
    assert.ok(bare.body === undefined || bare.body === 'nobody');
    answer = known;
  }
  const { session } = await ask(withPsk());
  const ticketOnly = await ask({ session });
  assert.equal(ticketOnly.body, 'nobody');
  assert.equal(ticketOnly.reused, false);
});

test('a ticket of a connection by certificate makes no PSK connection of one', async () => {
  const { session } = await ask({});
  answer = async () => undefined;
  assert.equal((await ask({ ...withPsk(), session })).body, 'nobody');
});

test('suites without encryption or forward secrecy are not to be had', async () => {
  answer = known;
  for (const ciphers of ['PSK-NULL-SHA256:@SECLEVEL=0', 'DHE-PSK-NULL-SHA256:@SECLEVEL=0', 'PSK-AES128-GCM-SHA256']) {
    const { code, body } = await ask({ ...withPsk(), ...TLS12, ciphers });
    assert.equal(body, undefined);
    assert.equal(code, 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE');
  }
});

/** All that the server sends to these octets, in hexadecimal. */
function raw(...pieces: Uint8Array[]): Promise<string> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connectTcp(server.port, '127.0.0.1', () => {
      for (const piece of pieces) socket.write(piece);
    });
    socket.on('data', (chunk) => void received.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(received).toString('hex')));
  });
}

test('what is no handshake is answered by decode_error and ends', async () => {
  codes.length = 0;
  const DECODE_ERROR = '15030300020232';
  assert.equal(await raw(Buffer.from('GET / HTTP/1.1\r\n\r\n')), DECODE_ERROR);
  assert.equal(await raw(recordsOf(1, Buffer.alloc(50))), DECODE_ERROR);
  assert.equal(await raw(recordsOf(16, Buffer.alloc(50))), DECODE_ERROR);
  assert.equal(await raw(Buffer.from('1603010004010fffff', 'hex')), DECODE_ERROR);
  assert.deepEqual(new Set(codes), new Set(['tls-malformed']));
});

test('a client that goes away while its key is fetched leaves nothing behind', async () => {
  let give: ((key: SecretKey) => void) | undefined;
  const left = new Promise<void>((resolve) => {
    answer = () =>
      new Promise((done) => {
        give = done;
        resolve();
      });
  });
  const client = connect({ host: '127.0.0.1', port: server.port, ...withPsk(), ca });
  client.on('error', () => undefined);
  await left;
  client.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  const key = SecretKey.copyOf(KEY);
  give?.(key);
  answer = known;
  assert.equal((await ask(withPsk())).body, `${BTID} 0100000007`);
  assert.ok(key.erased);
});
