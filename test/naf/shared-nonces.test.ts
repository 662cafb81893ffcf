import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretKey, systemClock, systemRandom } from '../../src/base/index.ts';
import { createNonceMaker, createStoreCounts } from '../../src/naf/nonces.ts';
import { sharedNonces } from '../../src/naf/shared-nonces.ts';
import { createMemoryStore } from '../../src/store/index.ts';

const sealingKey = (octet: number) => SecretKey.adopt(Buffer.alloc(32, octet));

test('instances on one common store know the nonces of each other, and a count is taken by one of them', async () => {
  const store = createMemoryStore(systemClock);
  const instance = () => {
    const { nonceKey, store: counted } = sharedNonces({ driver: 'postgres' }, store, sealingKey(1));
    assert.ok(nonceKey !== undefined && counted !== undefined);
    return {
      nonces: createNonceMaker(nonceKey, 'ro.test', systemRandom),
      counts: createStoreCounts(counted, 300_000),
      nonceKey,
    };
  };
  const [one, other] = [instance(), instance()];
  const nonce = one.nonces.make(systemClock.now());
  const issued = other.nonces.read(nonce);
  assert.ok(issued !== undefined);
  assert.equal(await other.counts.advance(nonce, issued, 1), true);
  assert.equal(await one.counts.advance(nonce, issued, 1), false);
  assert.equal(await one.counts.advance(nonce, issued, 2), true);
  const both = await Promise.all([one, other].map(({ counts }) => counts.advance(nonce, issued, 3)));
  assert.deepEqual(both.filter(Boolean), [true], 'one of two at the same moment');
});

test('the nonce key is not the sealing key, and another sealing key makes another', () => {
  const keyOf = (octet: number) =>
    sharedNonces({ driver: 'postgres' }, createMemoryStore(systemClock), sealingKey(octet)).nonceKey;
  assert.equal(keyOf(1)?.equals(sealingKey(1)), false);
  const [first, second] = [keyOf(1), keyOf(2)];
  assert.ok(first !== undefined && second !== undefined && !first.equals(second));
});

test('a store that one host alone has is not written for every request', () => {
  const store = createMemoryStore(systemClock);
  for (const driver of ['lmdb', 'memory'] as const)
    assert.deepEqual(sharedNonces({ driver }, store, sealingKey(1)), {});
});
