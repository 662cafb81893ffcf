import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { parseClientHello } from '../../src/tls/client-hello.ts';
import { HandshakeReader } from '../../src/tls/handshake-reader.ts';
import { hintNames, makeHint, makeIdentity, parseIdentity } from '../../src/tls/identity.ts';
import { identityOfKeyExchange, suiteOfServerHello } from '../../src/tls/key-exchange.ts';
import { routeOf } from '../../src/tls/route.ts';
import { PLAIN_PSK_SUITES, PSK_SUITES } from '../../src/tls/suites.ts';
import { BTID, clientHelloOf, FQDN, IDENTITY, recordsOf, withPsk } from './support.ts';

const terms = { fqdn: FQDN, choices: ['me' as const], suites: PSK_SUITES };
let tls13: Buffer;
let tls12: Buffer;
let certificate: Buffer;
before(async () => {
  tls13 = await clientHelloOf({ ...withPsk(), minVersion: 'TLSv1.3' });
  tls12 = await clientHelloOf({ ...withPsk(), maxVersion: 'TLSv1.2', ciphers: 'DHE-PSK-AES128-GCM-SHA256' });
  certificate = await clientHelloOf({ servername: FQDN });
});

const bodyOf = (record: Buffer): Buffer => record.subarray(9);
const malformed = { code: 'tls-malformed' };

test('a ClientHello of the TLS library is read: versions, suites, name, identities', () => {
  const hello = parseClientHello(bodyOf(tls13));
  assert.ok(hello.versions.includes(0x0304));
  assert.ok(hello.suites.includes(0x1301));
  assert.equal(hello.serverName, FQDN);
  assert.deepEqual(hello.pskModes, [1]);
  assert.deepEqual(hello.pskIdentities.map(String), [IDENTITY]);
  const old = parseClientHello(bodyOf(tls12));
  assert.deepEqual(old.versions, [0x0303]);
  assert.ok(old.suites.includes(0x00aa));
  assert.deepEqual(old.pskIdentities, []);
});

test('each client goes its way: PSK of TLS 1.3, of TLS 1.2, certificate', () => {
  assert.deepEqual(routeOf(parseClientHello(bodyOf(tls13)), terms), {
    kind: 'psk-tls13',
    identities: [{ text: IDENTITY, identity: { choice: 'me', btid: BTID } }],
  });
  assert.deepEqual(routeOf(parseClientHello(bodyOf(tls12)), terms), { kind: 'psk-tls12' });
  assert.deepEqual(routeOf(parseClientHello(bodyOf(certificate)), terms), { kind: 'certificate' });
});

test('another name, a key that is not taken, no (EC)DHE, no suite of ours: served by certificate, no key is asked for', () => {
  const hello = parseClientHello(bodyOf(tls13));
  const old = parseClientHello(bodyOf(tls12));
  const [identity] = hello.pskIdentities;
  assert.ok(identity !== undefined);
  const uicc = Buffer.from(`3GPP-bootstrapping-uicc;${BTID}`);
  for (const other of [
    { ...hello, serverName: 'other.test' },
    { ...hello, pskModes: [0] },
    { ...hello, suites: [0x1302] },
    { ...hello, pskIdentities: [uicc, Buffer.alloc(200, 0x80)] },
    { ...old, suites: [0x00b4, 0x0093, 0xc02b] },
    { ...old, suites: [0x00a8] },
    { ...old, versions: [0x0302] },
    { ...old, serverName: 'other.test' },
  ]) {
    assert.deepEqual(routeOf(other, terms), { kind: 'certificate' });
  }
  const plain = { ...terms, suites: [...PSK_SUITES, ...PLAIN_PSK_SUITES] };
  assert.deepEqual(routeOf({ ...old, suites: [0x00a8] }, plain), { kind: 'psk-tls12' });
  const many = routeOf({ ...hello, pskIdentities: Array.from({ length: 9 }, () => identity) }, terms);
  assert.equal(many.kind === 'psk-tls13' && many.identities.length, 4);
});

test('the same message in records of any size, fed in pieces of any size', () => {
  for (const size of [1, 7, 100, 16_384]) {
    for (const step of [1, 3, 50, 10_000]) {
      const reader = new HandshakeReader(16_384);
      const records = recordsOf(1, bodyOf(tls13), size);
      const found = [];
      for (let at = 0; at < records.length; at += step) found.push(...reader.push(records.subarray(at, at + step)));
      assert.deepEqual(found, [{ type: 1, body: bodyOf(tls13) }]);
    }
  }
});

test('two messages in one record; nothing is read behind ChangeCipherSpec', () => {
  const both = Buffer.concat([recordsOf(14, Buffer.alloc(0)).subarray(5), recordsOf(1, bodyOf(tls13)).subarray(5)]);
  const record = Buffer.concat([Buffer.from([22, 3, 3, both.length >> 8, both.length & 255]), both]);
  const encrypted = Buffer.from('1403030001011603030028ffffffff', 'hex');
  const reader = new HandshakeReader(16_384);
  assert.deepEqual(
    reader.push(Buffer.concat([record, encrypted])).map(({ type }) => type),
    [14, 1],
  );
  assert.deepEqual(reader.push(Buffer.alloc(100, 0xff)), []);
});

test('what is no TLS is refused at its first octets, what is too large at its length', () => {
  const push = (hex: string) => () => new HandshakeReader(100).push(Buffer.from(hex, 'hex'));
  assert.throws(push('474554'), malformed);
  assert.throws(push('8046'), malformed);
  assert.throws(push('1602'), malformed);
  assert.throws(push('1603014001'), malformed);
  assert.throws(push('1603010000'), malformed);
  assert.throws(push('160301000401000065'), malformed);
  assert.throws(push('1603010005010000320015030300020228'), malformed);
  assert.deepEqual(push('16')(), []);
});

test('a ClientHello with a length that lies, a doubled extension or an order that is wrong is refused', () => {
  const body = bodyOf(tls13);
  const session = body.readUInt8(34);
  const extensionsAt = 35 + session + 2 + body.readUInt16BE(35 + session) + 2;
  for (let cut = 0; cut < body.length; cut++) {
    // The extensions as a whole may be missing (RFC 5246 7.4.1.2).
    if (cut !== extensionsAt) assert.throws(() => parseClientHello(body.subarray(0, cut)), malformed);
  }
  assert.throws(() => parseClientHello(Buffer.concat([body, Buffer.alloc(1)])), malformed);

  const vector = (data: Buffer): Buffer => Buffer.concat([Buffer.from([data.length >> 8, data.length & 255]), data]);
  const extension = (type: number, data: Buffer) => Buffer.concat([Buffer.from([0, type]), vector(data)]);
  const read = (...extensions: Buffer[]) =>
    parseClientHello(Buffer.concat([body.subarray(0, extensionsAt), vector(Buffer.concat(extensions))]));
  const name = (...names: string[]) =>
    extension(
      0,
      vector(Buffer.concat(names.map((one) => Buffer.concat([Buffer.from([0]), vector(Buffer.from(one))])))),
    );
  const identities = vector(Buffer.concat([vector(Buffer.from('AB')), Buffer.alloc(4)]));
  const binder = Buffer.concat([Buffer.from([32]), Buffer.alloc(32)]);
  const psk = extension(41, Buffer.concat([identities, vector(binder)]));

  assert.equal(read(name('test.net')).serverName, 'test.net');
  assert.deepEqual(read(name('test.net'), psk).pskIdentities.map(String), ['AB']);
  assert.throws(() => read(psk, name('test.net')), malformed);
  assert.throws(() => read(name('test.net'), name('test.net')), malformed);
  assert.throws(() => read(name('test.net', 'test.com')), malformed);
  assert.throws(() => read(name('te st')), malformed);
  assert.throws(() => read(name('test\0')), malformed);
  assert.throws(() => read(name('a'.repeat(254))), malformed);
  assert.throws(
    () => read(extension(41, Buffer.concat([identities, vector(Buffer.concat([binder, binder]))]))),
    malformed,
  );
  assert.throws(() => read(extension(41, Buffer.concat([identities, vector(binder.subarray(0, 32))]))), malformed);
  assert.throws(() => read(extension(43, Buffer.from([1, 3]))), malformed);
});

test('a ClientKeyExchange gives its identity only as its suite has it', () => {
  const body = (identity: string, rest: string) => {
    const octets = Buffer.from(identity);
    return Buffer.concat([Buffer.from([octets.length >> 8, octets.length & 255]), octets, Buffer.from(rest, 'hex')]);
  };
  const read = (rest: string, exchange: 'PSK' | 'DHE_PSK' | 'ECDHE_PSK', identity = IDENTITY) =>
    identityOfKeyExchange(body(identity, rest), { exchange }).toString();
  assert.equal(read('', 'PSK'), IDENTITY);
  assert.equal(read('000105', 'DHE_PSK'), IDENTITY);
  assert.equal(read('0105', 'ECDHE_PSK'), IDENTITY);
  assert.throws(() => read('00', 'PSK'), malformed);
  assert.throws(() => read('0000', 'DHE_PSK'), malformed);
  assert.throws(() => read('00', 'ECDHE_PSK'), malformed);
  assert.throws(() => read('010506', 'ECDHE_PSK'), malformed);
  assert.throws(() => read('', 'PSK', 'x'.repeat(257)), malformed);
  assert.throws(() => identityOfKeyExchange(Buffer.from([1]), { exchange: 'PSK' }), malformed);
  assert.equal(suiteOfServerHello(Buffer.from(`0303${'00'.repeat(32)}00ccac00`, 'hex')), 0xccac);
});

test('identities: prefix and B-TID, with ; or . or nothing between; everything else is nobody', () => {
  const read = (text: string) => parseIdentity(Buffer.from(text, 'latin1'));
  const me = { choice: 'me', btid: BTID };
  assert.deepEqual(read(IDENTITY), me);
  assert.deepEqual(read(`3GPP-bootstrapping.${BTID}`), me);
  assert.deepEqual(read(`3GPP-bootstrapping${BTID}`), me);
  assert.deepEqual(read(`3GPP-bootstrapping-uicc;${BTID}`), { choice: 'uicc', btid: BTID });
  for (const other of [
    '',
    BTID,
    '3GPP-bootstrapping;',
    `3GPP-bootstrapping;;${BTID}`,
    `3GPP-bootstrapping ${BTID}`,
    `3GPP-bootstrapping-digest;${BTID}`,
    `3GPP-AKMA;${BTID}`,
    `3gpp-bootstrapping;${BTID}`,
    `${IDENTITY}\0`,
    `3GPP-bootstrapping;\0${BTID}`,
    `3GPP-bootstrapping;${BTID.replace('=', '%3D')}`,
    `3GPP-bootstrapping;${BTID}é`,
    `3GPP-bootstrapping;${BTID}${'a'.repeat(500)}`,
  ]) {
    assert.equal(read(other), undefined, other);
  }
  assert.equal(makeIdentity({ choice: 'me', btid: BTID }), IDENTITY);
});

test('hints: one or several static strings', () => {
  assert.equal(makeHint(['uicc', 'me']), '3GPP-bootstrapping-uicc;3GPP-bootstrapping');
  assert.ok(hintNames(makeHint(['uicc', 'me']), 'me'));
  assert.ok(hintNames('3GPP-bootstrapping;naf.test', 'me'));
  assert.ok(hintNames('3GPP-bootstrapping ', 'me'));
  assert.ok(!hintNames('3GPP-bootstrapping-uicc', 'me'));
  assert.ok(!hintNames('3GPP-AKMA', 'me'));
});
