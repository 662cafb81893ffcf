// 3GPP TS 33.220 annexes B and H: KDF, Ks_NAF, B-TID, NAF_Id, TMPI; GBA_U of 5.3.2.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SecretKey } from '../../src/base/index.ts';
import { computeHa1, computeResponse, computeRspauth, makeAkaNonce } from '../../src/digest/index.ts';
import {
  autnStar,
  deriveKsIntNaf,
  deriveKsNaf,
  deriveTmpi,
  flipRes,
  isTmpi,
  kdf,
  kdfInput,
  kdfText,
  ksFrom,
  ksNafInput,
  makeBtid,
  nafId,
  parseBtid,
  SUITES,
  UA_HTTP_DIGEST,
  UA_PSK_TLS13,
  UA_TOKEN,
  uaIdOfCipherSuite,
} from '../../src/gba/index.ts';
import { field, octets, plainVectors } from '../support/vectors.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const code = (value: string) => ({ code: value });

// A worked example with made-up values, computed by an independent script.
const impi = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';
const bsf = 'bsf.mnc001.mcc001.pub.3gppnetwork.org';
const rand = hex('000102030405060708090a0b0c0d0e0f');
const autn = hex('101112131415161718191a1b1c1d1e1f');
const res = hex('a0a1a2a3a4a5a6a7');
const ks = ksFrom(hex('202122232425262728292a2b2c2d2e2f'), hex('303132333435363738393a3b3c3d3e3f'));
const btid = 'AAECAwQFBgcICQoLDA0ODw==@bsf.mnc001.mcc001.pub.3gppnetwork.org';

test('H.1: a NAF_Id is made of a canonical host name and five octets only', () => {
  const bad = ['', 'NAF.example.com', 'naf.example.com.', 'naf.example.com:443', 'user@naf', 'naf..com', '-naf.com'];
  for (const fqdn of [...bad, 'näf.example', 'naf example', 'a'.repeat(64), `${'a.'.repeat(127)}aa`]) {
    assert.throws(() => nafId(fqdn, UA_HTTP_DIGEST), code('naf-id-invalid'), fqdn);
  }
  assert.throws(() => nafId('naf.example.com', Buffer.alloc(4)), code('naf-id-invalid'));
  assert.equal(nafId('naf.example.com', UA_HTTP_DIGEST).toString('latin1'), 'naf.example.com\x01\x00\x00\x00\x02');
});

test('H.3: 01 00 01 yy zz by the IANA code of the suite; an unknown suite is refused, not 00 00', () => {
  assert.equal(uaIdOfCipherSuite('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256').toString('hex'), '010001c02f');
  assert.equal(uaIdOfCipherSuite('TLS_AES_128_GCM_SHA256').toString('hex'), '0100011301');
  assert.equal(uaIdOfCipherSuite('TLS_DHE_PSK_WITH_AES_128_GCM_SHA256').toString('hex'), '01000100aa');
  for (const name of ['', 'ECDHE-RSA-AES128-GCM-SHA256', 'tls_aes_128_gcm_sha256', '__proto__', 'constructor']) {
    assert.throws(() => uaIdOfCipherSuite(name), code('cipher-suite-unknown'), name);
  }
  assert.equal(new Set(Object.values(SUITES)).size, Object.keys(SUITES).length);
  assert.equal(UA_TOKEN.toString('hex'), 'ff00000001');
});

test('4.5.2: what is not base64 of 16 octets at a host name is no B-TID', () => {
  const bad = [
    '',
    '@',
    'AAECAwQFBgcICQoLDA0ODw==',
    'AAECAwQFBgcICQoLDA0ODw==@',
    'AAECAwQFBgcICQoLDA0ODw==@bsf@x',
    'AAECAwQFBgcICQoLDA0ODx==@bsf.x',
    'AAECAwQFBgcICQoLDA0OD_==@bsf.x',
    'AAECAwQFBgcICQoLDA0ODw%3D%3D@bsf.x',
    'AAECAwQFBgcICQoLDA0ODw==%40bsf.x',
    'AAECAwQFBgcICQoLDA0ODxAR@bsf.x',
    'AAECAwQFBgcICQoLDA0ODw==@bsf.x:80',
    ' AAECAwQFBgcICQoLDA0ODw==@bsf.x',
  ];
  for (const text of bad) assert.throws(() => parseBtid(text), code('btid-invalid'), text);
  assert.throws(() => makeBtid(rand, 'bsf x'), code('btid-invalid'));
  assert.equal(makeBtid(rand, bsf), btid);
  assert.deepEqual(parseBtid(btid), { rand, bsf });
  assert.equal(parseBtid('AAECAwQFBgcICQoLDA0ODw==@BSF.X').bsf, 'bsf.x');
});

test('B.2.0: FC and lengths out of range are refused', () => {
  for (const fc of [-1, 0xff, 0x100, 0xfeff, 0x10000, 1.5, Number.NaN]) {
    assert.throws(() => kdfInput(fc, []), code('kdf-input-invalid'), String(fc));
  }
  assert.throws(() => kdfInput(1, [Buffer.alloc(65536)]), code('kdf-input-invalid'));
  assert.throws(() => kdfText('\ud800x'), code('kdf-input-invalid'));
});

test('B.2.0: S = FC || P0 || L0 || ..., one or two octets of FC', () => {
  assert.equal(kdfInput(0x01, [hex('aabb'), hex('')]).toString('hex'), '01aabb00020000');
  assert.equal(kdfInput(0xff03, [hex('aa')]).toString('hex'), 'ff03aa0001');
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), (params) => {
      const s = kdfInput(0xfe, params);
      let end = s.length;
      for (const param of [...params].reverse()) {
        end -= 2;
        assert.equal(s.readUInt16BE(end), param.length);
        end -= param.length;
        assert.deepEqual(s.subarray(end, end + param.length), Buffer.from(param));
      }
      assert.equal(end, 1);
    }),
  );
});

test('B.2.1.2: text is NFKC and UTF-8, so two spellings of one IMPI give one key', () => {
  assert.deepEqual(kdfText('mitta\u0308ri@x'), kdfText('mittäri@x'));
  const id = nafId('naf.example.com', UA_HTTP_DIGEST);
  const one = deriveKsNaf({ ks, rand, impi: 'mitta\u0308ri@x', nafId: id });
  assert.equal(one.equals(deriveKsNaf({ ks, rand, impi: 'mittäri@x', nafId: id })), true);
});

for (const { id, in: given, out } of plainVectors('ks-naf-fixed-points')) {
  test(`B.3: Ks_NAF that several codes agree on, ${id}`, () => {
    const key = deriveKsNaf({
      ks: SecretKey.adopt(octets(given, 'ks')),
      rand: octets(given, 'rand'),
      impi: field(given, 'impi'),
      nafId: octets(given, 'nafId'),
    });
    assert.equal(key.bytes().toString('hex'), field(out, 'ksNaf'));
  });
}

test('B.3: the worked example: one NAF, three Ua identifiers, three keys', () => {
  const keyFor = (uaId: Uint8Array): string =>
    deriveKsNaf({ ks, rand, impi, nafId: nafId('naf.example.com', uaId) })
      .bytes()
      .toString('hex');
  assert.equal(keyFor(UA_HTTP_DIGEST), '203c97a93e1ef27095dd2b19804acd580633e410998a74f6a520ccfedd071da7');
  assert.equal(
    keyFor(uaIdOfCipherSuite('TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256')),
    '7935e78b9ceda952e5d379918a0a167540a91ebcacfb63d0aaeb39c5b39ab3da',
  );
  assert.equal(keyFor(UA_PSK_TLS13), '646608bd5bbf98a8bd622baba8919b73909cc1ef62b2fc9779625e5a7b6b3b1d');
});

test('B.3: Ks_int_NAF has a label one octet shorter and another key; S is what the KDF hashes', () => {
  const input = { ks, rand, impi, nafId: nafId('naf.example.com', UA_HTTP_DIGEST) };
  assert.equal(deriveKsIntNaf(input).equals(deriveKsNaf(input)), false);
  const params = [Buffer.from('gba-me'), rand, Buffer.from(impi), input.nafId];
  assert.deepEqual(ksNafInput(input), kdfInput(1, params));
  assert.equal(kdf(ks, 1, params).equals(deriveKsNaf(input)), true);
  assert.equal(kdf(ks, 1, [Buffer.from('gba-u'), ...params.slice(1)]).equals(deriveKsIntNaf(input)), true);
});

test('sizes of Ks, RAND, CK and IK are checked', () => {
  const input = { ks, rand, impi, nafId: nafId('naf.example.com', UA_HTTP_DIGEST) };
  assert.throws(() => deriveKsNaf({ ...input, rand: Buffer.alloc(15) }), { message: /^RAND:/ });
  assert.throws(() => deriveKsNaf({ ...input, ks: SecretKey.adopt(Buffer.alloc(16)) }), { message: /^Ks:/ });
  assert.throws(() => ksFrom(Buffer.alloc(15), Buffer.alloc(16)), { message: /^CK:/ });
});

test('B.4: the TMPI of the worked example, told from an IMPI by its structure', () => {
  const tmpi = deriveTmpi({ ks, rand, impi, bsf });
  assert.equal(tmpi, 'mYKkBGQFd29MN4FfQasB3b0V5kiP14GO@tmpi.bsf.3gppnetwork.org');
  assert.equal(isTmpi(tmpi), true);
  assert.equal(isTmpi(impi), false);
  assert.equal(isTmpi(tmpi.slice(1)), false);
});

test('5.3.2: AUTN* changes the MAC only and turns back with the same IK only; RES loses its last bit only', () => {
  const ik = hex('303132333435363738393a3b3c3d3e3f');
  const star = autnStar(autn, ik);
  assert.deepEqual(star.subarray(0, 8), autn.subarray(0, 8));
  assert.notDeepEqual(star.subarray(8), autn.subarray(8));
  assert.deepEqual(autnStar(star, ik), autn);
  assert.notDeepEqual(autnStar(star, Buffer.alloc(16)), autn);
  assert.equal(flipRes(res).toString('hex'), 'a0a1a2a3a4a5a6a6');
  assert.equal(res.toString('hex'), 'a0a1a2a3a4a5a6a7');
});

test('the worked example on Ub: response, resynchronisation, rspauth (TS 24.109 A.3, A.4)', () => {
  const nonce = makeAkaNonce(rand, autn);
  assert.equal(nonce, 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=');
  const ub = {
    algorithm: 'AKAv1-MD5',
    username: impi,
    realm: bsf,
    password: res,
    method: 'GET',
    uri: '/',
    nonce,
    qop: 'auth-int',
    nc: '00000001',
    cnonce: '0a4f113b0a4f113b',
  };
  assert.equal(computeHa1(ub), '1a755353598844fe3404ffce1c125efd');
  assert.equal(computeResponse(ub), 'bc458c79d679cb8ad81bb3c69e94a714');
  const empty = { ...ub, password: Buffer.alloc(0) };
  assert.equal(computeHa1(empty), '3a19e266b8988a54aa5e0020a5555b2d');
  assert.equal(computeResponse(empty), '3d5fae9269daa9959f209b3c37b1624e');
  assert.equal(
    computeRspauth({ ...ub, bodyHash: '0d518c15dcb51be2a4631b0b3fbfcab8' }),
    '60c76223a26ab6b2ccf02a3dbff02e8d',
  );
});

test('the worked example on Ua: the password is the base64 of Ks_NAF (TS 24.109 5.2)', () => {
  const key = deriveKsNaf({ ks, rand, impi, nafId: nafId('naf.example.com', UA_HTTP_DIGEST) });
  const ua = {
    algorithm: 'MD5',
    username: btid,
    realm: '3GPP-bootstrapping@naf.example.com',
    password: Buffer.from(key.bytes().toString('base64'), 'ascii'),
    method: 'GET',
    uri: '/doc',
    nonce: 'dWEtbm9uY2U=',
    nc: '00000001',
    cnonce: '0a4f113b0a4f113b',
  };
  assert.equal(computeHa1(ua), '81b0191f8ac4b0f3c302e58d10bac537');
  assert.equal(computeResponse({ ...ua, qop: 'auth' }), 'ebb64d96dc743f07a0f07811b984e119');
  assert.equal(computeResponse({ ...ua, qop: 'auth-int' }), '658227ca1fe5eadd36302ee9207736ba');
  assert.equal(computeRspauth({ ...ua, qop: 'auth' }), 'ca9d6597b0753f3959c671a6f48db2d3');
});
