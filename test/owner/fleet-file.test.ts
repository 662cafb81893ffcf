import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codeOf, messageOf } from '../../src/base/index.ts';
import { parseFleet } from '../../src/owner/index.ts';

const parse = (text: string) => parseFleet(Buffer.from(text));
const URL_1 = 'http://10.0.0.1:8090';
const row = (line: string) => `machine,url,variant,both-present\nm-1,${URL_1},,\n${line}\n`;

for (const { what, text, says } of [
  { what: 'nothing in it', text: '', says: 'line 1: no header' },
  { what: 'a header alone', text: 'machine,url\n', says: 'line 2: no machine' },
  { what: 'a header that is not closed', text: 'machine,"url\nm-1,x\n', says: 'line 1: a quote that is not closed' },
  { what: 'an empty first line', text: `\nmachine,url\nm-1,${URL_1}\n`, says: "line 1: unknown column ''" },
  { what: 'no header', text: `m-1,${URL_1}\n`, says: "line 1: unknown column 'm-1'" },
  { what: 'no URL column', text: 'machine\nm-1\n', says: "line 1: column 'url' is missing" },
  { what: 'an unknown column', text: `machine,url,speed\nm-1,${URL_1},5\n`, says: "line 1: unknown column 'speed'" },
  { what: 'a column twice', text: `machine,url,url\nm-1,${URL_1},${URL_1}\n`, says: "line 1: column 'url' twice" },
  { what: 'a field too many', text: row(`m-2,${URL_1},,,`), says: 'line 3: 5 fields where the header has 4' },
  { what: 'a field too few', text: row(`m-2,${URL_1}`), says: 'line 3: 2 fields where the header has 4' },
  { what: 'an empty line', text: row(''), says: 'line 3: an empty line' },
  { what: 'no id', text: row(`,${URL_1},,`), says: 'line 3: machine: ' },
  { what: 'blanks around an id', text: row(` m-2,${URL_1},,`), says: 'line 3: machine: ' },
  { what: 'a machine twice', text: row(`m-1,${URL_1},,`), says: 'line 3: machine m-1 stands in line 2 already' },
  { what: 'no URL', text: row('m-2,,,'), says: 'line 3: url: ' },
  { what: 'another scheme', text: row('m-2,ftp://10.0.0.2,,'), says: 'line 3: url: ' },
  { what: 'a password in a URL', text: row('m-2,http://a:b@10.0.0.2,,'), says: 'line 3: url: ' },
  { what: 'a query in a URL', text: row('m-2,http://10.0.0.2/?x=1,,'), says: 'line 3: url: ' },
  { what: 'an unknown variant', text: row(`m-2,${URL_1},psk,`), says: 'line 3: variant: gba or signed' },
  { what: 'a maybe', text: row(`m-2,${URL_1},,maybe`), says: 'line 3: both-present: yes or no' },
  { what: 'an open quote', text: row(`"m-2,${URL_1},,`), says: 'line 3: a quote that is not closed' },
  { what: 'text after a quote', text: row(`"m"-2,${URL_1},,`), says: 'line 3: text after a closing quote' },
  { what: 'a quote in the middle', text: row(`m"2,${URL_1},,`), says: 'line 3: a quote inside a field' },
  { what: 'a tab', text: row(`m\t2,${URL_1},,`), says: 'line 3: a control character' },
  { what: 'a line end in a field', text: row(`"m\n2",${URL_1},,`), says: 'line 3: a control character or line end' },
  { what: 'semicolons', text: `machine;url\nm-1;${URL_1}\n`, says: "line 1: unknown column 'machine;url'" },
]) {
  test(`a fleet file with ${what} is refused by its line`, () => {
    assert.throws(
      () => parse(text),
      (error) => codeOf(error) === 'fleet-file-invalid' && messageOf(error).startsWith(says),
      `expected: ${says}`,
    );
  });
}

test('every mistake is told, the first ten of many; lines are counted over quoted line ends', () => {
  const text = row(`"a\nb",${URL_1},,\nm-3,x,,\n${'bad\n'.repeat(20)}`);
  assert.throws(
    () => parse(text),
    (error) => {
      const parts = messageOf(error).split('; ');
      assert.match(parts[0] ?? '', /^line 3: /);
      assert.match(parts[1] ?? '', /^line 5: url/);
      assert.deepEqual([parts.length, parts.at(-1)], [11, 'and 13 more']);
      return true;
    },
  );
});

test('octets that are no UTF-8 are refused', () => {
  assert.throws(() => parseFleet(Buffer.from([0x6d, 0xff])), { code: 'fleet-file-invalid' });
});

test('columns in any order, quotes, CRLF, a byte order mark and a last line without an end are taken', () => {
  const text = `\uFEFFurl,both-present,machine,variant\r\n"${URL_1}",yes,"m,""1""",signed\r\nhttps://m2:1,no,m-2,`;
  assert.deepEqual(parse(text), [
    { m2meId: 'm,"1"', url: URL_1, variant: 'signed', bothPresent: true },
    { m2meId: 'm-2', url: 'https://m2:1', bothPresent: false },
  ]);
});

test('whatever the text is, it is read or refused by a line', () => {
  const piece = fc.constantFrom('machine', 'url', ',', '"', '\n', '\r\n', '\r', 'm-1', URL_1, ' ', '\uFEFF', ';', 'x');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        return parse(pieces.join('')).length > 0;
      } catch (error) {
        return codeOf(error) === 'fleet-file-invalid' && /^line \d+: /.test(messageOf(error));
      }
    }),
  );
});

test('10,000 machines are read in no time, and each once', () => {
  const lines = Array.from({ length: 10_000 }, (_, i) => `m-${i},http://10.${i >> 8}.${i & 255}.1:8090`);
  assert.equal(parse(`machine,url\n${lines.join('\n')}\n`).length, 10_000);
});
