import assert from 'node:assert/strict';
import type { ListOptions } from '../contract.ts';
import { compareKeys } from '../record.ts';
import { check, keysOf, put, type StoreCheck, times } from './check.ts';

const EMOJI = '\u{1f600}';
/** What collations of words, of UTF-16 or of another script would put elsewhere; in the order of their octets. */
const ODD_KEYS = [
  ' ',
  ' a',
  '!',
  '"',
  '%',
  '-',
  '/',
  '1',
  '10',
  '2',
  'A',
  'A-',
  'AA',
  'B',
  '\\',
  '_',
  'a',
  'a b',
  'a%',
  'a-',
  'a/',
  'a/1',
  'a/10',
  'a/2',
  'aA',
  'a_',
  'aa',
  'ab',
  'b',
  'x'.repeat(511),
  'x'.repeat(512),
  '~',
  '\u007f',
  '\u00c4',
  '\u00df',
  '\u00e4',
  '\u0101',
  '\u3042',
  '\ud7ff',
  '\ud7ff\u00e4',
  '\ue000',
  '\uffff',
  '\uffffa',
  EMOJI,
  `${EMOJI}1`,
  `${EMOJI}2`,
  '\u{10ffff}',
  '\u{10ffff}a',
];

/** What the contract says a page is. */
function pageOf(keys: readonly string[], { prefix = '', after, limit = keys.length }: ListOptions): string[] {
  const from = after;
  const later = (key: string) => from === undefined || compareKeys(key, from) > 0;
  return keys.filter((key) => key.startsWith(prefix) && later(key)).slice(0, limit);
}

export const lists: readonly StoreCheck[] = [
  check('list is in the order of the keys, in its space only', async ({ store }) => {
    const others = ['r', 'ss', 't'].map((space) => ({ space, key: 'b/0', put: 0 }));
    await store.commit([...['b/2', 'a', 'b/1', 'b/10', 'c', 'b'].map((key) => put(key, key)), ...others]);
    assert.deepEqual(await keysOf(store), ['a', 'b', 'b/1', 'b/10', 'b/2', 'c']);
    assert.deepEqual(await store.list('x'), []);
    const [first] = await store.list('s', { limit: 1 });
    assert.deepEqual(first, await store.get('s', 'a'));
  }),

  check('keys stand in the order of their UTF-8 octets, whatever is in them', async ({ store }) => {
    await store.commit([...ODD_KEYS].reverse().map((key) => put(key, key)));
    assert.deepEqual(await keysOf(store), ODD_KEYS);
  }),

  check('prefix, after and limit together give exactly the page that the order says', async ({ store }) => {
    await store.commit(ODD_KEYS.map((key) => put(key, key)));
    const prefixes = [
      '',
      ' ',
      'A',
      'a',
      'a/',
      'a/1',
      'a%',
      'a_',
      '\\',
      'x',
      '\ud7ff',
      '\uffff',
      EMOJI,
      '\u{10ffff}',
      'q',
    ];
    const afters = [
      undefined,
      ' ',
      '0',
      'A',
      'a',
      'a/1',
      'a0',
      'x'.repeat(511),
      '\ud7ff',
      '\ufffd',
      EMOJI,
      '\u{10ffff}',
    ];
    for (const prefix of prefixes) {
      for (const after of afters) {
        for (const limit of [0, 1, 3, undefined]) {
          const options = { prefix, ...(after !== undefined && { after }), ...(limit !== undefined && { limit }) };
          assert.deepEqual(await keysOf(store, options), pageOf(ODD_KEYS, options), JSON.stringify(options));
        }
      }
    }
  }),

  check(
    'pages put together are the whole list, each record once, while others are written and deleted',
    async ({ store }) => {
      const keys = times(25).map((i) => `p/${String(i).padStart(2, '0')}`);
      await store.commit(keys.map((key) => put(key, key)));
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await keysOf(store, { prefix: 'p/', limit: 7, ...(after !== undefined && { after }) });
        seen.push(...page);
        if (page.length < 7 || seen.length > keys.length) break;
        // Behind the reader nothing that happens matters to it, also not to the record that it stopped at.
        await store.commit([put('p/00x', 1), { space: 's', key: page[6] ?? '', delete: true }]);
      }
      assert.deepEqual(seen, keys);
    },
  ),

  check('what has expired takes no place on a page', async ({ store, clock }) => {
    await store.commit(times(20).map((i) => put(String.fromCharCode(97 + i), i, i % 2 ? {} : { expiresAt: 2_000 })));
    clock.at = 2_000;
    assert.deepEqual(await keysOf(store, { limit: 3 }), ['b', 'd', 'f']);
    assert.deepEqual(await keysOf(store, { limit: 2, after: 'q' }), ['r', 't']);
  }),
];
