import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createSealer, SecretKey, systemRandom } from '../../src/base/index.ts';

const octets = Buffer.from('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 'hex');
const refused = (code: string) => (error: unknown) => error instanceof Error && 'code' in error && error.code === code;

test('a key shows itself in no text form', () => {
  const key = SecretKey.copyOf(octets);
  for (const text of [String(key), JSON.stringify({ key }), inspect(key), inspect({ deep: [key] }), `${key}`]) {
    assert.match(text, /redacted/);
    assert.doesNotMatch(text, /0011|[Bb]uffer|AAEi/);
  }
});

test('an erased key cannot be used and its octets are zero', () => {
  const raw = Buffer.from(octets);
  const key = SecretKey.adopt(raw);
  key.erase();
  assert.equal(key.erased, true);
  assert.ok(raw.every((octet) => octet === 0));
  assert.throws(() => key.bytes(), refused('key-erased'));
});

test('a copy does not follow the octets it was made from', () => {
  const raw = Buffer.from(octets);
  const key = SecretKey.copyOf(raw);
  raw.fill(0);
  assert.ok(key.equals(SecretKey.copyOf(octets)));
  assert.equal(key.id(), SecretKey.copyOf(octets).id());
});

test('a sealed value opens only under its key, in its context, unchanged', () => {
  const sealer = createSealer(SecretKey.copyOf(octets), systemRandom);
  const sealed = sealer.seal(Buffer.from('secret'), 'space/1');
  assert.equal(sealer.open(sealed, 'space/1').bytes().toString(), 'secret');
  assert.throws(() => sealer.open(sealed, 'space/2'), refused('seal-broken'));
  const other = createSealer(SecretKey.adopt(systemRandom.bytes(32)), systemRandom);
  assert.throws(() => other.open(sealed, 'space/1'), refused('seal-broken'));
  for (let i = 0; i < Buffer.from(sealed, 'base64').length; i++) {
    const broken = Buffer.from(sealed, 'base64');
    broken[i] = (broken[i] ?? 0) ^ 1;
    assert.throws(() => sealer.open(broken.toString('base64'), 'space/1'), refused('seal-broken'));
  }
  assert.throws(() => sealer.open('AAAA', 'space/1'), refused('seal-broken'));
});

test('a sealed value has one text form: what base64 decoders pass over is refused', () => {
  const sealer = createSealer(SecretKey.copyOf(octets), systemRandom);
  const sealed = sealer.seal(Buffer.from('secret!!'), 'space/1');
  assert.match(sealed, /[^=]$/);
  for (const other of [`${sealed}\n`, ` ${sealed}`, `${sealed}====`, `${sealed.slice(0, 4)}*${sealed.slice(4)}`]) {
    assert.throws(() => sealer.open(other, 'space/1'), refused('seal-broken'), other);
  }
});
