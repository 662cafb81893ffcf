import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { GbaError } from '../../src/base/index.ts';
import { parseClientHello } from '../../src/tls/client-hello.ts';
import { HandshakeReader } from '../../src/tls/handshake-reader.ts';
import { parseIdentity } from '../../src/tls/identity.ts';
import { identityOfKeyExchange } from '../../src/tls/key-exchange.ts';
import { routeOf } from '../../src/tls/route.ts';
import { PSK_SUITES } from '../../src/tls/suites.ts';
import { clientHelloOf, FQDN, IDENTITY, recordsOf, withPsk } from './support.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 20_000);
const LIMIT_MS = 50;
let seeds: Buffer[];
before(async () => {
  const exchange = Buffer.concat([Buffer.from([0, IDENTITY.length]), Buffer.from(IDENTITY), Buffer.alloc(33, 32)]);
  seeds = [
    await clientHelloOf({ ...withPsk(), minVersion: 'TLSv1.3' }),
    await clientHelloOf({ ...withPsk(), maxVersion: 'TLSv1.2', ciphers: 'DHE-PSK-AES128-GCM-SHA256' }),
    await clientHelloOf({ servername: FQDN }),
    recordsOf(16, exchange),
    recordsOf(16, exchange, 20),
  ];
});

const edit = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('flip', 'set', 'insert', 'remove', 'repeat', 'length'),
  value: fc.nat(0xffff),
});
const edits = fc.array(edit, { minLength: 1, maxLength: 6 });

function mutate(seed: Buffer, changes: readonly { at: number; kind: string; value: number }[]): Buffer {
  let octets: Buffer = Buffer.from(seed);
  for (const { at, kind, value } of changes) {
    const i = at % Math.max(1, octets.length);
    const [head, tail] = [octets.subarray(0, i), octets.subarray(i)];
    if (kind === 'flip') octets[i] = (octets[i] ?? 0) ^ (1 << (value % 8));
    else if (kind === 'set') octets[i] = value & 255;
    else if (kind === 'insert') octets = Buffer.concat([head, Buffer.alloc(value % 40, value), tail]);
    else if (kind === 'remove') octets = Buffer.concat([head, tail.subarray(value % 9)]);
    else if (kind === 'repeat') octets = Buffer.concat([head, tail, tail]);
    else if (i + 2 <= octets.length) octets.writeUInt16BE(value % 600, i);
  }
  return octets;
}

test('mutated handshakes are read or refused by type, at once, and never as more than they are', () => {
  const outcomes = new Map<string, number>();
  let slowest = 0;
  fc.assert(
    fc.property(fc.nat(), edits, fc.integer({ min: 1, max: 700 }), (which, changes, step) => {
      const octets = mutate(seeds[which % seeds.length] ?? Buffer.alloc(0), changes);
      const started = performance.now();
      let outcome = 'incomplete';
      try {
        const reader = new HandshakeReader(16_384);
        for (let at = 0; at < octets.length; at += step) {
          for (const { type, body } of reader.push(octets.subarray(at, at + step))) {
            assert.ok(body.length <= octets.length);
            outcome = String(type);
            if (type === 1)
              outcome = routeOf(parseClientHello(body), { fqdn: FQDN, choices: ['me'], suites: PSK_SUITES }).kind;
            if (type !== 16) continue;
            const identity = parseIdentity(identityOfKeyExchange(body, { exchange: 'ECDHE_PSK' }));
            outcome = identity === undefined ? 'nobody' : 'identity';
          }
        }
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
        assert.equal(error.code, 'tls-malformed');
        outcome = error.code;
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      slowest = Math.max(slowest, performance.now() - started);
    }),
    { numRuns: RUNS },
  );
  for (const expected of ['tls-malformed', 'incomplete', 'psk-tls13', 'certificate', 'identity', 'nobody']) {
    assert.ok((outcomes.get(expected) ?? 0) > 0, `${expected} in ${JSON.stringify([...outcomes])}`);
  }
  assert.ok(slowest < LIMIT_MS * 10, `slowest ${slowest} ms`);
});
