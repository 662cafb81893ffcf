import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertBytes, equalBytes, fromBase64, fromHex, toBase64, toHex } from '../../src/base/index.ts';

const refused = (code: string) => (error: unknown) => error instanceof Error && 'code' in error && error.code === code;

test('hexadecimal: odd digits, blanks, prefixes and wrong sizes are refused', () => {
  for (const text of ['0', '0x00', '00 11', 'zz', '00\n'])
    assert.throws(() => fromHex(text), refused('hex-invalid'), text);
  assert.throws(() => fromHex('0011', 3), refused('hex-invalid'));
  assert.deepEqual(fromHex('00fF', 2), Buffer.from([0, 255]));
  assert.equal(toHex(Buffer.from('pool').subarray(1)), '6f6f6c');
});

test('base64: missing padding, line breaks, URL alphabet and non-zero trailing bits are refused', () => {
  for (const text of ['AA', 'AA=', 'AB==', 'AA==\n', 'A-__', ' AAAA', 'AAB=']) {
    assert.throws(() => fromBase64(text), refused('base64-invalid'), text);
  }
  assert.equal(toBase64(fromBase64('AAECAw==')), 'AAECAw==');
  assert.equal(fromBase64('').length, 0);
});

test('sizes are guarded with the name of the value', () => {
  assert.throws(() => assertBytes(Buffer.alloc(31), 32, 'Ks'), /Ks: expected 32 octets, got 31/);
  assert.throws(() => assertBytes('x', 32, 'Ks'), TypeError);
  assertBytes(Buffer.alloc(8), [4, 8], 'RES');
});

test('equality needs equal length and equal octets', () => {
  assert.equal(equalBytes(Buffer.from('ab'), Buffer.from('ab')), true);
  assert.equal(equalBytes(Buffer.from('ab'), Buffer.from('abc')), false);
  assert.equal(equalBytes(Buffer.from('ab'), Buffer.from('ac')), false);
});
