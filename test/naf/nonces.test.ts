import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretKey, systemRandom } from '../../src/base/index.ts';
import { createMemoryCounts, createNonceMaker } from '../../src/naf/nonces.ts';

const maker = (fqdn = 'naf.test') => createNonceMaker(SecretKey.adopt(Buffer.alloc(32, 1)), fqdn, systemRandom);

test('a nonce of another NAF, or with any character changed, was not made here', () => {
  const nonce = maker().make(1_800_000_000_000);
  assert.equal(maker().issuedAt(nonce), 1_800_000_000_000);
  assert.equal(maker('other.test').issuedAt(nonce), undefined);
  for (let i = 0; i < nonce.length; i++) {
    const changed = nonce.slice(0, i) + (nonce[i] === 'A' ? 'B' : 'A') + nonce.slice(i + 1);
    assert.equal(maker().issuedAt(changed), undefined);
  }
  for (const text of ['', `${nonce}=`, nonce.slice(1), nonce.replace(/.$/, '_')])
    assert.equal(maker().issuedAt(text), undefined);
});

test('a count that was forgotten to make room cannot be used again', () => {
  const counts = createMemoryCounts(2, 100);
  assert.equal(counts.advance('before start', 99, 1), false);
  for (const [nonce, issuedAt] of [
    ['a', 100],
    ['b', 101],
    ['c', 102],
  ] as const)
    assert.equal(counts.advance(nonce, issuedAt, 1), true);
  assert.equal(counts.advance('a', 100, 2), false);
  assert.equal(counts.advance('b', 101, 1), false);
  assert.equal(counts.advance('b', 101, 2), true);
});
