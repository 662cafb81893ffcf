import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { parseJson } from '../../src/http/index.ts';

const read = (text: string): unknown => parseJson(Buffer.from(text), z.unknown());

test('a name that stands twice in one object is refused, however it is written', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":{"c":1,"c":2}}',
    '[{"a":1,"x":[],"a":2}]',
    '{"a":1,"\\u0061":2}',
    '{"a" : 1, "a"\n\t:2}',
    '{"\\"":1,"\\"":2}',
    '{"":1,"":2}',
  ]) {
    assert.throws(() => read(text), { code: 'json-invalid' }, text);
  }
});

test('the same text in other objects, in values and in strings is no name', () => {
  for (const text of [
    '{"a":{"a":1},"b":{"a":2}}',
    '[{"a":1},{"a":2}]',
    '{"a":"a","b":"a"}',
    '["a","a"]',
    '{"a":"\\",\\"a\\":1"}',
    '{"a\\\\":1,"a":"\\\\"}',
    '{"a":["a",{"a":1}],"b":"{\\"a\\":"}',
  ]) {
    assert.deepEqual(read(text), JSON.parse(text), text);
  }
});

test('deep nesting, trailing text and bad UTF-8 are refused', () => {
  for (const text of ['['.repeat(33) + ']'.repeat(33), '['.repeat(60_000), '{} x', '']) {
    assert.throws(() => read(text), { code: 'json-invalid' });
  }
  assert.throws(() => parseJson(Buffer.from([0x22, 0xff, 0x22]), z.unknown()), { code: 'json-invalid' });
  assert.deepEqual(read('['.repeat(32) + ']'.repeat(32)), JSON.parse('['.repeat(32) + ']'.repeat(32)));
});
