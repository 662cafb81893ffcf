import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GbaError } from '../../../src/base/index.ts';
import {
  checkMessage,
  createFramer,
  DiameterRefusal,
  decodeHeader,
  decodeMessage,
  encodeMessage,
  HEADER_LENGTH,
  readBia,
  readBir,
  readMaa,
  readMar,
  refusalTo,
  resultOf,
} from '../../../src/diameter/index.ts';
import { judgeCer } from '../../../src/diameter/peer/greeting.ts';
import { localOf } from '../peer/support.ts';
import { vectors } from '../support.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 20_000);
const LIMIT_MS = 50;
const seeds = [...vectors.values()];

const edit = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('flip', 'set', 'insert', 'remove', 'repeat', 'length'),
  value: fc.nat(0xffffff),
});
const mutated = fc
  .tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 6 }))
  .map(([seed, edits]) => {
    let octets = Buffer.from(seed);
    for (const { at, kind, value } of edits) {
      const i = at % octets.length;
      const [before, after] = [octets.subarray(0, i), octets.subarray(i)];
      if (kind === 'flip') octets[i] = (octets[i] ?? 0) ^ (1 << (value % 8));
      else if (kind === 'set') octets[i] = value & 255;
      else if (kind === 'insert') octets = Buffer.concat([before, Buffer.alloc((value % 9) * 4, value), after]);
      else if (kind === 'remove') octets = Buffer.concat([before, after.subarray(value % 9)]);
      else if (kind === 'repeat') octets = Buffer.concat([before, after, after]);
      else if (i + 3 <= octets.length) octets.writeUIntBE(value % 400, i, 3);
      if (octets.length === 0) octets = Buffer.from([1]);
    }
    // Often with a right length, so that what is behind the header is reached.
    if ((edits[0]?.value ?? 0) % 4 > 0 && octets.length >= 4) {
      octets = octets.subarray(0, octets.length - (octets.length % 4));
      octets.writeUIntBE(octets.length, 1, 3);
      octets[0] = 1;
    }
    return octets;
  });

test('mutated messages are taken or refused by type, at once, and every refusal makes an answer that can be read', () => {
  let taken = 0;
  let slowest = 0;
  fc.assert(
    fc.property(mutated, (octets) => {
      const started = performance.now();
      try {
        const message = decodeMessage(octets);
        checkMessage(message);
        taken++;
        assert.equal(decodeMessage(encodeMessage(message)).avps.length, message.avps.length);
        if (!message.request) resultOf(message);
      } catch (error) {
        if (!(error instanceof DiameterRefusal)) throw error;
        if (octets.length >= HEADER_LENGTH) {
          const request = { ...decodeHeader(octets), avps: [] };
          const answer = refusalTo(request, error, { host: 'hss.test', realm: 'test' });
          assert.equal(resultOf(decodeMessage(encodeMessage(answer)))?.code, error.resultCode);
        }
      }
      slowest = Math.max(slowest, performance.now() - started);
    }),
    { numRuns: RUNS },
  );
  assert.ok(taken > 0, 'some mutations are harmless');
  assert.ok(slowest < LIMIT_MS * 10, `slowest ${slowest} ms`);
});

test('what the readers of Zh and Zn make of mutated messages, and the door of mutated CERs, is typed too', () => {
  const peers = [{ host: 'bsf.test', transport: 'tcp' as const }];
  let read = 0;
  fc.assert(
    fc.property(mutated, (octets) => {
      judgeCer(octets, localOf('hss.test'), peers, { transport: 'tcp', proves: () => true });
      try {
        const message = decodeMessage(octets);
        const { name } = checkMessage(message);
        const { request } = message;
        if (name === 'Multimedia-Auth') request ? readMar(message) : readMaa(message, false);
        else if (name === 'Bootstrapping-Info') request ? readBir(message) : readBia(message);
        read++;
      } catch (error) {
        if (!(error instanceof GbaError)) throw error;
      }
    }),
    { numRuns: RUNS },
  );
  assert.ok(read > 0);
});

test('a mutated stream gives messages or a refusal, never more octets than went in', () => {
  fc.assert(
    fc.property(fc.array(mutated, { maxLength: 4 }), fc.nat(40), (messages, step) => {
      const all = Buffer.concat(messages);
      const framer = createFramer();
      let out = 0;
      try {
        for (let at = 0; at < all.length; at += step + 1) {
          for (const octets of framer.push(all.subarray(at, at + step + 1))) out += octets.length;
        }
      } catch (error) {
        if (!(error instanceof DiameterRefusal)) throw error;
      }
      assert.ok(out <= all.length);
    }),
    { numRuns: RUNS / 10 },
  );
});
