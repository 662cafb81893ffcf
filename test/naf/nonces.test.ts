import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretKey, systemRandom } from '../../src/base/index.ts';
import { createMemoryCounts, createNonceMaker } from '../../src/naf/nonces.ts';

const maker = (fqdn = 'naf.test') => createNonceMaker(SecretKey.adopt(Buffer.alloc(32, 1)), fqdn, systemRandom);

test('a nonce of another NAF, or with any character changed, was not made here', () => {
  const nonce = maker().make(1_800_000_000_000);
  assert.equal(maker().read(nonce)?.at, 1_800_000_000_000);
  assert.equal(maker('other.test').read(nonce), undefined);
  for (let i = 0; i < nonce.length; i++) {
    const changed = nonce.slice(0, i) + (nonce[i] === 'A' ? 'B' : 'A') + nonce.slice(i + 1);
    assert.equal(maker().read(changed), undefined);
  }
  for (const text of ['', `${nonce}=`, nonce.slice(1), nonce.replace(/.$/, '_')])
    assert.equal(maker().read(text), undefined);
});

test('a count that was forgotten to make room cannot be used again', () => {
  const counts = createMemoryCounts(2, 7);
  const issued = (number: number, at = 1_800_000_000_000, series = 7) => ({ at, series, number });
  assert.equal(counts.advance('of another process', issued(99, 0, 8), 1), false);
  for (const [nonce, number] of [
    ['a', 100],
    ['b', 101],
    ['c', 102],
  ] as const)
    assert.equal(counts.advance(nonce, issued(number), 1), true);
  assert.equal(counts.advance('a', issued(100), 2), false);
  assert.equal(counts.advance('b', issued(101), 1), false);
  assert.equal(counts.advance('b', issued(101), 2), true);
});

test('a clock that is set back does not make fresh nonces look used', () => {
  const nonces = maker();
  const counts = createMemoryCounts(2, nonces.series);
  for (const now of [1_800_000_000_000, 1_700_000_000_000, 1_600_000_000_000, 1_500_000_000_000]) {
    const nonce = nonces.make(now);
    const issued = nonces.read(nonce);
    assert.ok(issued !== undefined);
    assert.equal(counts.advance(nonce, issued, 1), true);
    assert.equal(counts.advance(nonce, issued, 1), false);
  }
});
