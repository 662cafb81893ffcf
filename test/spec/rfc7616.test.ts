// RFC 7616 (and RFC 2617, RFC 2069): published HTTP Digest values.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { computeHa1, computeResponse, computeRspauth, computeUserhash } from '../../src/digest/index.ts';
import { field, plainVectors } from '../support/vectors.ts';

const rfc2617 = {
  algorithm: 'MD5',
  username: 'Mufasa',
  realm: 'testrealm@host.com',
  password: Buffer.from('Circle Of Life'),
  method: 'GET',
  uri: '/dir/index.html',
  nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
  qop: 'auth',
  nc: '00000001',
  cnonce: '0a4f113b',
};

test('an unknown algorithm is refused, never computed as MD5', () => {
  for (const algorithm of ['', 'MD4', 'SHA-1', 'AKAv3-MD5', '__proto__']) {
    assert.throws(() => computeResponse({ ...rfc2617, algorithm }), { code: 'digest-algorithm-unsupported' });
  }
});

test('qop without nc or cnonce, an unknown qop and a session without cnonce are refused', () => {
  const { nc: _nc, ...withoutNc } = rfc2617;
  const { cnonce: _cnonce, ...withoutCnonce } = rfc2617;
  assert.throws(() => computeResponse(withoutNc), { code: 'digest-malformed' });
  assert.throws(() => computeResponse(withoutCnonce), { code: 'digest-malformed' });
  assert.throws(() => computeResponse({ ...rfc2617, qop: 'auth-conf' }), { code: 'digest-malformed' });
  assert.throws(() => computeHa1({ ...withoutCnonce, algorithm: 'MD5-sess' }), { code: 'digest-malformed' });
});

for (const { id, in: given, out } of plainVectors('http-digest')) {
  test(`published value ${id}`, () => {
    const input = {
      ...given,
      algorithm: field(given, 'algorithm'),
      username: field(given, 'username'),
      realm: field(given, 'realm'),
      method: field(given, 'method'),
      uri: field(given, 'uri'),
      nonce: field(given, 'nonce'),
      password: Buffer.from(field(given, 'password'), 'utf8'),
    };
    assert.equal(computeResponse(input), field(out, 'response'));
    if (out['ha1'] !== undefined) assert.equal(computeHa1(input), out['ha1']);
    if (out['userhash'] !== undefined) assert.equal(computeUserhash(input), out['userhash']);
  });
}

test('3.4.3: auth-int covers the body; no body is the hash of nothing', () => {
  const input = { ...rfc2617, qop: 'auth-int' };
  const bodyHash = createHash('md5').update('').digest('hex');
  assert.equal(computeResponse(input), computeResponse({ ...input, bodyHash }));
  assert.equal(computeResponse(input), computeResponse({ ...input, body: Buffer.alloc(0) }));
  assert.notEqual(computeResponse(input), computeResponse({ ...input, body: Buffer.from('x') }));
});

test('3.5: rspauth is the response with an empty method', () => {
  assert.equal(computeRspauth(rfc2617), computeResponse({ ...rfc2617, method: '' }));
  assert.notEqual(computeRspauth(rfc2617), computeResponse(rfc2617));
});
