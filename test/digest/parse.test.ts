import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  buildAuthenticationInfo,
  buildAuthorization,
  buildChallenge,
  type DigestCredentials,
  parseAuthenticationInfo,
  parseAuthorization,
  parseChallenge,
} from '../../src/digest/index.ts';

const malformed = { code: 'digest-malformed' };
const RESPONSE = '0123456789abcdef0123456789abcdef';
const whole = `Digest username="u@r", realm="r", nonce="n", uri="/", qop=auth-int, nc=00000001, cnonce="c", response="${RESPONSE}"`;

test('a parameter that is there twice is refused, whatever its case', () => {
  for (const more of ['username="x@r"', 'USERNAME="u@r"', 'nc=00000001', 'qop=auth', 'response=""', 'uri="/"']) {
    assert.throws(() => parseAuthorization(`${whole}, ${more}`), malformed, more);
  }
  assert.throws(() => parseAuthorization(`${whole}, auts="", auts=""`), malformed);
  assert.throws(() => parseChallenge('Digest realm="r", nonce="n", nonce="m"'), malformed);
  assert.throws(() => parseAuthenticationInfo(`rspauth="${RESPONSE}", rspauth="${RESPONSE}"`), malformed);
});

test('bad quoting is refused', () => {
  const bad = [
    'username="u@r',
    'username=u@r',
    'username="u@r"x',
    'username="u"@"r"',
    "username='u r'",
    'username="a"b"',
    'username="u\u0000r"',
    'username="u\nr"',
    'username="u\\',
    'username=',
    'username',
    '="u"',
    'user name="u"',
  ];
  for (const username of bad) {
    const header = `Digest ${username}, realm="r", nonce="n", uri="/", response="${RESPONSE}"`;
    assert.throws(() => parseAuthorization(header), malformed, username);
  }
});

test('a missing comma, another scheme, two credentials and missing parameters are refused', () => {
  assert.throws(() => parseAuthorization(whole.replace(', realm', ' realm')), malformed);
  assert.throws(() => parseAuthorization(whole.replace('Digest', 'Basic')), malformed);
  assert.throws(() => parseAuthorization(whole.replace('Digest ', 'Digest')), malformed);
  assert.throws(() => parseAuthorization(`${whole}, ${whole}`), malformed);
  for (const header of ['', ' ', 'Digest', 'Digest ', ',', 'Digest ,']) {
    assert.throws(() => parseAuthorization(header), malformed, header);
  }
  for (const name of ['username', 'realm', 'nonce', 'uri', 'response']) {
    assert.throws(() => parseAuthorization(whole.replace(`${name}="`, `x-${name}="`)), malformed, name);
  }
});

test('nc is 8 hexadecimal digits and nothing else', () => {
  for (const nc of ['1', '0000001', '000000001', '0000000g', '"0000 001"', '-0000001', '0x000001', '""']) {
    assert.throws(() => parseAuthorization(whole.replace('00000001', nc)), malformed, nc);
  }
  assert.throws(() => parseAuthenticationInfo('nc=1'), malformed);
});

test('qop needs nc and cnonce, and is auth or auth-int', () => {
  assert.throws(() => parseAuthorization(whole.replace(', nc=00000001', '')), malformed);
  assert.throws(() => parseAuthorization(whole.replace(', cnonce="c"', '')), malformed);
  for (const qop of ['auth-conf', '"auth,auth-int"', '""', 'AUTH']) {
    assert.throws(() => parseAuthorization(whole.replace('auth-int', qop)), malformed, qop);
  }
});

test('auts is canonical base64 of 14 octets', () => {
  const good = 'QEFCQ0RFRkdISUpLTE0=';
  assert.equal(parseAuthorization(`${whole}, auts="${good}"`).auts?.toString('hex'), '404142434445464748494a4b4c4d');
  const bad = ['', good.slice(0, -1), `${good}=`, ` ${good}`, good.replace('0=', '1='), good.replace('Q', '-'), 'QEFC'];
  for (const auts of bad) assert.throws(() => parseAuthorization(`${whole}, auts="${auts}"`), malformed, auts);
});

test('the response is empty or a hash in hexadecimal', () => {
  for (const response of ['0', RESPONSE.slice(1), `${RESPONSE}0`, RESPONSE.replace('0', 'g'), 'x'.repeat(64)]) {
    assert.throws(() => parseAuthorization(whole.replace(RESPONSE, response)), malformed, response);
  }
  assert.equal(parseAuthorization(whole.replace(RESPONSE, RESPONSE.toUpperCase())).response, RESPONSE);
});

test('octets above 7F are UTF-8 or refused', () => {
  const umlaut = Buffer.from('mittäri@r', 'utf8').toString('latin1');
  assert.equal(parseAuthorization(whole.replace('u@r', umlaut)).username, 'mittäri@r');
  assert.throws(() => parseAuthorization(whole.replace('u@r', 'mitt\xe4ri@r')), malformed);
  assert.throws(() => parseAuthorization(whole.replace('u@r', 'mitt\xc0\xafri@r')), malformed);
  assert.throws(() => parseAuthorization(whole.replace('u@r', 'mitt\u0142ri@r')), malformed);
});

test('text that no header can carry is not built', () => {
  const credentials = { username: 'u', realm: 'r', nonce: 'n', uri: '/', response: '' };
  assert.throws(() => buildAuthorization({ ...credentials, username: 'u\r\nx: y' }), malformed);
  assert.throws(() => buildAuthorization({ ...credentials, algorithm: 'MD5, x=y' }), malformed);
  assert.throws(() => buildChallenge({ realm: 'r\u0000', nonce: 'n' }), malformed);
});

test('a challenge needs realm and nonce, and a Digest among what is offered', () => {
  for (const header of ['Digest realm="r"', 'Digest nonce="n"', 'Basic realm="r"', '', 'Digest']) {
    assert.throws(() => parseChallenge(header), malformed, header);
  }
});

// What servers and clients in the field send.

test('servers: a Digest stands among schemes of one word and of opaque text', () => {
  for (const header of [
    'Negotiate, Digest realm="r", nonce="n"',
    'Negotiate YII/aa==, NTLM ,Digest realm="r",nonce="n"',
    'Digest realm="r", nonce="n", Negotiate',
    'Digest realm="r", nonce="n", NTLM TlRM=',
  ]) {
    assert.deepEqual(parseChallenge(header), { realm: 'r', nonce: 'n' }, header);
  }
});

test('phones: a first request may have a qop and nothing to count with', () => {
  const first = 'Digest username="u@r", realm="r", nonce="", uri="/", response="", qop=auth-int';
  assert.equal(parseAuthorization(first).nonce, '');
  assert.throws(() => parseAuthorization(first.replace('nonce=""', 'nonce="n"')), malformed);
});

test('phones: the first Ub request with empty nonce and response, an opaque and an absolute uri', () => {
  const header =
    'Digest username="001010123456789@ims.mnc001.mcc001.3gppnetwork.org",' +
    'realm="ims.mnc001.mcc001.pub.3gppnetwork.org",nonce="",uri="http://10.7.3.130:9443/",response="",opaque="dynamic_opaque"';
  assert.deepEqual(parseAuthorization(header), {
    username: '001010123456789@ims.mnc001.mcc001.3gppnetwork.org',
    realm: 'ims.mnc001.mcc001.pub.3gppnetwork.org',
    nonce: '',
    uri: 'http://10.7.3.130:9443/',
    response: '',
    opaque: 'dynamic_opaque',
  });
});

test('phones: any order, blanks around "=", no blank after a comma, quoted qop, nc and algorithm, any scheme case', () => {
  const header = `digest  response ="${RESPONSE}",auts="QEFCQ0RFRkdISUpLTE0=",nc="00000002" ,\tcnonce= "a b,c=d", qop="auth-int",algorithm="akav1-md5",uri="/",nonce="n",realm="r",username="u%40r"`;
  const credentials = parseAuthorization(header);
  assert.equal(credentials.nc, '00000002');
  assert.equal(credentials.qop, 'auth-int');
  assert.equal(credentials.algorithm, 'AKAv1-MD5');
  assert.equal(credentials.cnonce, 'a b,c=d');
  assert.equal(credentials.username, 'u%40r');
});

test('phones: a B-TID with "=", "/", "+" and "@" as username; unknown parameters and empty list elements are passed over', () => {
  const btid = 'sb+1pKlsoLUo/uw3mCL2JA==@bsf.sho.test';
  const header = `Digest , username="${btid}", x-vendor="1",, realm="r", nonce="dWEtbm9uY2U=", uri="/a?b=c,d", response="${RESPONSE}",`;
  const credentials = parseAuthorization(header);
  assert.equal(credentials.username, btid);
  assert.equal(credentials.uri, '/a?b=c,d');
});

test('phones: nc as it was sent, in the case it was sent, because it is hashed', () => {
  assert.equal(parseAuthorization(whole.replace('00000001', '0000000A')).nc, '0000000A');
  assert.equal(parseAuthorization(whole.replace('00000001', '00000010')).nc, '00000010');
});

test('servers: blank before "=" in Authentication-Info, nextnonce, unknown parameters', () => {
  const header = `nextnonce ="bm9uY2U=",qop=auth-int,rspauth="${RESPONSE.toUpperCase()}",cnonce="c",nc=00000001,x=y`;
  assert.deepEqual(parseAuthenticationInfo(header), {
    nextnonce: 'bm9uY2U=',
    qop: 'auth-int',
    rspauth: RESPONSE,
    cnonce: 'c',
    nc: '00000001',
  });
});

test('servers: of several challenges the first with a known algorithm, other schemes passed over', () => {
  const header =
    'Basic realm="b", Digest realm="x", nonce="1", algorithm=SHA-999, Digest realm="y", nonce="2", algorithm="md5", qop="auth, AUTH-INT", stale=TRUE';
  assert.deepEqual(parseChallenge(header), {
    realm: 'y',
    nonce: '2',
    algorithm: 'MD5',
    qop: ['auth', 'auth-int'],
    stale: true,
  });
  assert.equal(parseChallenge('Digest realm="x", nonce="1", algorithm=SHA-999').algorithm, 'SHA-999');
});

test('servers: both GBA realms in one quoted string stay one realm', () => {
  const realm = '3GPP-bootstrapping-uicc@naf.test;3GPP-bootstrapping@naf.test';
  assert.equal(parseChallenge(`Digest realm="${realm}", nonce="n"`).realm, realm);
});

test('our own headers quote as TS 24.109 A.3 and A.4 print them', () => {
  assert.equal(
    buildChallenge({ realm: 'bsf', nonce: 'n=', algorithm: 'AKAv1-MD5', qop: ['auth-int'], opaque: 'o' }),
    'Digest realm="bsf", nonce="n=", algorithm=AKAv1-MD5, qop="auth-int", opaque="o"',
  );
  assert.equal(
    buildAuthorization({ ...parseAuthorization(whole), algorithm: 'AKAv1-MD5', auts: Buffer.alloc(14, 0x40) }),
    `${whole}, algorithm=AKAv1-MD5, auts="QEBAQEBAQEBAQEBAQEA="`,
  );
  assert.equal(
    buildAuthenticationInfo({ qop: 'auth-int', rspauth: RESPONSE, cnonce: 'c', nc: '00000001' }),
    `qop=auth-int, rspauth="${RESPONSE}", cnonce="c", nc=00000001`,
  );
});

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !/[\p{Cc}\p{Surrogate}]/u.test(value));

test('whatever the texts hold, what is built is read back the same', () => {
  fc.assert(
    fc.property(text, text, text, text, (username, realm, nonce, opaque) => {
      const credentials: DigestCredentials = { username, realm, nonce, uri: '/', response: '', opaque };
      assert.deepEqual(parseAuthorization(buildAuthorization(credentials)), credentials);
      assert.deepEqual(parseChallenge(buildChallenge({ realm, nonce, opaque })), { realm, nonce, opaque });
    }),
  );
});

test('whatever arrives, the answer is credentials or digest-malformed, at once', () => {
  const noise = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.array(fc.constantFrom('Digest ', 'username', '=', '"', '\\', ',', ' ', 'nc', '00000001', '\t', 'a'), {
      maxLength: 60,
    }),
  );
  fc.assert(
    fc.property(noise, (value) => {
      const header = typeof value === 'string' ? value : value.join('');
      for (const read of [parseAuthorization, parseChallenge, parseAuthenticationInfo]) {
        try {
          read(header);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'digest-malformed', header);
        }
      }
    }),
  );
  const long = `Digest ${', '.repeat(20_000)}a="${'\\"'.repeat(20_000)}`;
  const start = performance.now();
  assert.throws(() => parseAuthorization(long), malformed);
  assert.ok(performance.now() - start < 500);
});
