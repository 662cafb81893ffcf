// RFC 3310 (Digest AKA, version 1) and RFC 4169 (version 2).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createXor, makeVector } from '../../src/aka/index.ts';
import { SecretKey } from '../../src/base/index.ts';
import {
  akaPassword,
  akaV2Password,
  computeHa1,
  computeResponse,
  makeAkaNonce,
  parseAkaNonce,
} from '../../src/digest/index.ts';
import { field, octets, plainVectors } from '../support/vectors.ts';

test('3.2: a nonce that is not canonical base64, or too short for RAND and AUTN, is refused', () => {
  const whole = makeAkaNonce(Buffer.alloc(16, 1), Buffer.alloc(16, 2));
  for (const nonce of ['', 'AAAA', whole.slice(0, -1), ` ${whole}`, whole.replace('=', ''), `${whole}=`]) {
    assert.throws(() => parseAkaNonce(nonce), { code: 'digest-malformed' }, nonce);
  }
  const oddTail = `${whole.slice(0, -2)}J=`;
  assert.throws(() => parseAkaNonce(oddTail), { code: 'digest-malformed' });
  assert.throws(() => parseAkaNonce(Buffer.alloc(31).toString('base64')), { code: 'digest-malformed' });
});

test('3.2: the nonce is read by octets, with or without server data', () => {
  const [rand, autn, serverData] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2), Buffer.from('xyz')];
  assert.deepEqual(parseAkaNonce(makeAkaNonce(rand, autn)), { rand, autn, serverData: Buffer.alloc(0) });
  assert.deepEqual(parseAkaNonce(makeAkaNonce(rand, autn, serverData)), { rand, autn, serverData });
});

for (const { id, in: given, out } of plainVectors('digest-aka')) {
  test(`published value ${id}: from K to the response`, () => {
    const rand = octets(given, 'rand');
    const source = createXor(SecretKey.adopt(octets(given, 'k')));
    const { autn, xres } = makeVector(source, rand, octets(given, 'sqn'), octets(given, 'amf'));
    const response = computeResponse({
      algorithm: field(given, 'algorithm'),
      username: field(given, 'username'),
      realm: field(given, 'realm'),
      password: xres,
      method: field(given, 'method'),
      uri: field(given, 'uri'),
      nonce: makeAkaNonce(rand, autn),
      qop: field(given, 'qop'),
      nc: field(given, 'nc'),
      cnonce: field(given, 'cnonce'),
    });
    assert.equal(response, field(out, 'response'));
  });
}

test('3.3: the password is RES itself: octets that are no UTF-8 and zero octets count', () => {
  const head = { algorithm: 'AKAv1-MD5', username: 'u@r', realm: 'r' };
  const raw = Buffer.from('ff00fe0080c1a0ff', 'hex');
  assert.notEqual(
    computeHa1({ ...head, password: raw }),
    computeHa1({ ...head, password: Buffer.from(raw.toString('utf8'), 'utf8') }),
  );
  assert.notEqual(computeHa1({ ...head, password: raw }), computeHa1({ ...head, password: raw.subarray(0, 1) }));
  assert.deepEqual(akaPassword('AKAv1-MD5', { res: raw, ik: Buffer.alloc(16), ck: Buffer.alloc(16) }), raw);
});

const worked = {
  res: Buffer.from('a0a1a2a3a4a5a6a7', 'hex'),
  ck: Buffer.from('202122232425262728292a2b2c2d2e2f', 'hex'),
  ik: Buffer.from('303132333435363738393a3b3c3d3e3f', 'hex'),
};

test('RFC 4169 3: the version 2 password, RES || IK || CK', () => {
  assert.equal(akaV2Password(worked).toString('ascii'), '/LP3AAaQkcx2HzvBO16AhA==');
  assert.deepEqual(akaPassword('AKAv2-MD5', worked), akaV2Password(worked));
  assert.notDeepEqual(akaV2Password({ ...worked, ck: worked.ik, ik: worked.ck }), akaV2Password(worked));
  assert.throws(() => akaPassword('MD5', worked), { code: 'digest-algorithm-unsupported' });
});
