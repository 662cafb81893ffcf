import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const src = new URL('../../src/', import.meta.url);
const lines = readdirSync(src, { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) =>
    readFileSync(new URL(name, src), 'utf8')
      .split('\n')
      .map((text, i) => ({ at: `${name}:${i + 1}`, text })),
  );

/** Names of values that a stranger must not find octet by octet. */
const GUARDED = String.raw`(?:\w*(?:tag[01]|[mM]ac|rspauth|[xX]?[rR]es|[rR]eleaseLock|[pP]assword|[sS]ecret|ksNaf|ha1|[hH]mac))(?:Of)?`;
const COMPARED = [
  new RegExp(String.raw`\b${GUARDED}(?:\([^)]*\))?(?:\.bytes\(\))?\s*(?:===|!==)(?!\s*(?:undefined|null|'|"|\d))`),
  new RegExp(String.raw`(?:===|!==)\s*(?:\w+\.)*${GUARDED}\b(?!\.length|\.status)`),
  new RegExp(String.raw`\b${GUARDED}(?:\([^)]*\))?(?:\.bytes\(\))?\.equals\(`),
  new RegExp(String.raw`\.equals\((?:[\w()]+\.)*${GUARDED}\b`),
  // Orders of keys and host names, which are no secrets.
  /Buffer\.compare\((?!previous|Buffer\.from\(a\)|Buffer\.from\(local\.)/,
];

const foundIn = (all: readonly { at: string; text: string }[]): string[] =>
  all
    .filter(({ text }) => !/^\s*(\*|\/\/|\/\*)/.test(text) && COMPARED.some((one) => one.test(text)))
    .map(({ at, text }) => `${at} ${text.trim()}`);

test('tags, digest responses and locks are compared in one place, in constant time', () => {
  const timed = lines.filter(({ text }) => text.includes('timingSafeEqual(')).map(({ at }) => at.split(':')[0]);
  assert.deepEqual(timed, ['base/bytes.ts']);
  assert.deepEqual(foundIn(lines), []);
});

test('the search finds comparisons that end at the first octet that differs', () => {
  for (const text of [
    'if (tag0 === message.tag) return;',
    'return message.mac.equals(expected);',
    'if (!releaseLock(r).equals(claims.releaseLock)) {',
    'const same = response !== credentials.xres;',
    'return rspauth === expected;',
    'if (expected.equals(read.tag1)) {',
  ]) {
    assert.deepEqual(foundIn([{ at: 'x', text }]).length, 1, text);
  }
  assert.deepEqual(foundIn([{ at: 'x', text: 'if (rspauth === undefined) return;' }]), []);
});
