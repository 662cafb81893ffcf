import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GbaError, SecretKey } from '../../src/base/index.ts';
import {
  boundTagMatches,
  type Claims,
  decodeClaims,
  deriveRoKeys,
  deriveTokenKeys,
  encodeClaims,
  makeAcknowledgement,
  makeRelay,
  makeRelease,
  makeResult,
  makeReturn,
  makeToken,
  makeUnregistration,
  meansBootstrap,
  narrowToken,
  readAcknowledgement,
  readBoundToken,
  readRelay,
  readRelease,
  readResult,
  readReturn,
  readToken,
  readUnregistration,
  tokenTagMatches,
} from '../../src/token/index.ts';
import { EXAMPLE, exampleClaims, exampleKeys, fill } from '../support/claims.ts';

const { serial, packageDigest, newShoId } = EXAMPLE;
const flipped = (octets: Buffer, i: number): Buffer => {
  const copy = Buffer.from(octets);
  copy[i] = (copy[i] ?? 0) ^ (1 << (i % 8));
  return copy;
};

test('claims come back as they were written, blinded or in clear', () => {
  for (const claims of [
    exampleClaims(),
    exampleClaims({ bootstrap: { btid: EXAMPLE.btid } }),
    exampleClaims({ newSho: { id: 'x.test', keyHashes: [fill(1), fill(2), fill(3), fill(4)] } }),
  ]) {
    assert.deepEqual(decodeClaims(encodeClaims(claims)), claims);
  }
});

test('claims of another version, without keys or with five keys are refused', () => {
  const write = (change: object) => encodeClaims({ ...exampleClaims(), ...change } as Claims);
  assert.throws(() => decodeClaims(write({ version: 2 })), { code: 'token-version-unknown' });
  assert.throws(() => decodeClaims(Buffer.from('30060201020101ff', 'hex')), { code: 'token-version-unknown' });
  for (const count of [0, 5]) {
    const keyHashes = Array.from({ length: count }, (_, i) => fill(i));
    assert.throws(() => decodeClaims(write({ newSho: { id: 'x.test', keyHashes } })), { code: 'token-der-invalid' });
  }
  assert.throws(() => decodeClaims(write({ serial: fill(1, 15) })), { code: 'token-der-invalid' });
  assert.throws(() => decodeClaims(Buffer.concat([write({}), Buffer.from([0])])), { code: 'token-der-invalid' });
});

test('every flipped bit of a token is refused or fails tag0', () => {
  const der = makeToken(exampleClaims(), exampleKeys());
  assert.equal(tokenTagMatches(readToken(der), exampleKeys().install), true);
  for (let i = 0; i < der.length; i++) {
    try {
      assert.equal(tokenTagMatches(readToken(flipped(der, i)), exampleKeys().install), false, `octet ${i}`);
    } catch (error) {
      assert.ok(error instanceof GbaError, `octet ${i}: ${String(error)}`);
    }
  }
});

test('every flipped bit of a bound token is refused or fails tag1', async () => {
  const der = narrowToken(readToken(makeToken(exampleClaims(), exampleKeys())), packageDigest, newShoId);
  const matches = async (octets: Buffer) =>
    boundTagMatches(await readBoundToken(octets), exampleKeys().install, packageDigest, newShoId);
  assert.equal(await matches(der), true);
  for (let i = 0; i < der.length; i++) {
    try {
      assert.equal(await matches(flipped(der, i)), false, `octet ${i}`);
    } catch (error) {
      assert.ok(error instanceof GbaError, `octet ${i}: ${String(error)}`);
    }
  }
});

test('a bound token fits its package and its new SHO and no other', async () => {
  const bound = await readBoundToken(
    narrowToken(readToken(makeToken(exampleClaims(), exampleKeys())), packageDigest, newShoId),
  );
  const { install } = exampleKeys();
  assert.equal(boundTagMatches(bound, install, fill(0xcd), newShoId), false);
  assert.equal(boundTagMatches(bound, install, packageDigest, 'sho-c.test'), false);
  assert.equal(boundTagMatches(bound, exampleKeys().unregister, packageDigest, newShoId), false);
});

test('a token is not read as a bound token, nor the other way round', async () => {
  const token = makeToken(exampleClaims(), exampleKeys());
  await assert.rejects(readBoundToken(token), { code: 'token-der-invalid' });
  assert.throws(() => readToken(narrowToken(readToken(token), packageDigest, newShoId)), { code: 'token-der-invalid' });
});

test('a blinded B-TID is recognised by who holds its key, for its serial, and by nobody else', () => {
  const claims = exampleClaims();
  assert.equal(meansBootstrap(claims, EXAMPLE.btid, EXAMPLE.ksNafToken), true);
  assert.equal(meansBootstrap(claims, EXAMPLE.btid, EXAMPLE.ksNafRo), false);
  assert.equal(meansBootstrap(claims, `x${EXAMPLE.btid}`, EXAMPLE.ksNafToken), false);
  assert.equal(meansBootstrap({ ...claims, serial: fill(9, 16) }, EXAMPLE.btid, EXAMPLE.ksNafToken), false);
  assert.equal(encodeClaims(claims).includes('sho-a'), false, 'nothing names the old SHO');
});

test('no two purposes share a key, and another serial has other keys', () => {
  const keysOf = (s: Buffer) => [
    ...Object.values(deriveTokenKeys(EXAMPLE.ksNafToken, s)),
    ...Object.values(deriveRoKeys(EXAMPLE.ksNafToken, s)),
  ];
  const all = [...keysOf(serial), ...keysOf(fill(3, 16))].map((key: SecretKey) => key.bytes().toString('hex'));
  assert.equal(new Set(all).size, 14);
});

const key = SecretKey.copyOf(fill(7));
const MESSAGES = {
  unregistration: {
    der: makeUnregistration({ serial, m2meId: 'm', discardedAt: 1_800_000_000_000, discardRecord: fill(2) }, key),
    read: readUnregistration,
  },
  acknowledgement: { der: makeAcknowledgement({ serial, r: fill(3) }, key), read: readAcknowledgement },
  relay: { der: makeRelay({ serial, r: fill(3) }, key), read: readRelay },
  release: { der: makeRelease({ serial }, key), read: readRelease },
  result: { der: makeResult({ serial, packageDigest, outcome: 'failure', reason: 'x' }, key), read: readResult },
  return: { der: makeReturn({ serial, m2meId: 'm', reason: 'cancelled' }, key), read: readReturn },
};

for (const [name, { der, read }] of Object.entries(MESSAGES)) {
  test(`${name}: its MAC holds under its key only, every flipped bit is refused`, async () => {
    assert.equal((await read(der)).matches(key), true);
    assert.equal((await read(der)).matches(SecretKey.copyOf(fill(8))), false);
    assert.equal((await read(der)).matches({ device: fill(8) }), false);
    for (let i = 0; i < der.length; i++) {
      try {
        assert.equal((await read(flipped(der, i))).matches(key), false, `octet ${i}`);
      } catch (error) {
        assert.ok(error instanceof GbaError, `octet ${i}: ${String(error)}`);
      }
    }
  });

  test(`${name}: is not read as any other message`, async () => {
    for (const [other, { read: readOther }] of Object.entries(MESSAGES)) {
      if (other === name) continue;
      await assert.rejects(async () => await readOther(der), { code: 'message-der-invalid' }, other);
    }
  });
}

test('whatever octets come, readers answer with a typed refusal', async () => {
  const readers = [readToken, readBoundToken, decodeClaims, ...Object.values(MESSAGES).map((m) => m.read)];
  const valid = [makeToken(exampleClaims(), exampleKeys()), ...Object.values(MESSAGES).map((m) => m.der)];
  const mutated = fc
    .tuple(fc.constantFrom(...valid), fc.nat(), fc.uint8Array({ maxLength: 6 }))
    .map(([der, at, junk]) => {
      const cut = at % der.length;
      return Buffer.concat([der.subarray(0, cut), Buffer.from(junk), der.subarray(cut + junk.length)]);
    });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }).map((a) => Buffer.from(a)),
        mutated,
      ),
      async (octets) => {
        for (const read of readers) {
          try {
            await read(octets);
          } catch (error) {
            assert.ok(error instanceof GbaError, String(error));
          }
        }
      },
    ),
    { numRuns: 2000 },
  );
});
