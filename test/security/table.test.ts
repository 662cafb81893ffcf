import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { complaintsAbout, plain, readAnalysis, readPage } from './page.ts';
import { readTestFiles, testFileOf } from './test-names.ts';

const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
const files = readTestFiles();

test('every threat and every invariant has a test that exists, or says why it has none', () => {
  const page = readPage(text);
  assert.deepEqual(complaintsAbout(page, files), []);
  assert.ok(page.threats.size >= 78, `${page.threats.size} threats`);
});

const ANALYSIS = new URL('../../../shared/specs/threats.md', import.meta.url);
test('the rows are those of the threat analysis', {
  skip: existsSync(ANALYSIS) ? false : 'skipped: the threat analysis is not beside this checkout',
}, () => {
  const rows = readAnalysis(readFileSync(ANALYSIS, 'utf8'));
  const { threats } = readPage(text);
  assert.deepEqual(
    [...threats].map(([id, { threat }]) => `${id} ${plain(threat)}`),
    [...rows].map(([id, threat]) => `${id} ${plain(threat)}`),
  );
});

test('the reader of this page notices what is missing, misspelt or not allowed', () => {
  const complaints = (change: (page: string) => string): string =>
    complaintsAbout(readPage(change(text)), files).join();
  const line = (start: string) => new RegExp(`^\\| ${start} .*\n`, 'gm');
  assert.match(
    complaints((page) => page.replace(line('I3 \\| Nobody'), '')),
    /invariant I3 is missing/,
  );
  assert.match(
    complaints((page) => page.replace(line('1\\.26 \\| sho/.*'), '')),
    /1\.26 has no test/,
  );
  assert.match(
    complaints((page) => page.replace('a wrong r is refused', 'a wrong s is refused')),
    /has no test "a wrong s/,
  );
  assert.match(
    complaints((page) => page.replace('sho/new-role', 'sho/no-role')),
    /sho\/no-role\.test\.ts has no test/,
  );
  assert.match(
    complaints((page) => page.replace(/(\| 3\.13 \| .* \|) no DTD/, '$1 Accepted: no DTD')),
    /3\.13 may not say/,
  );
  assert.match(
    complaints((page) => page.replace(line('1\\.26 \\| New'), '')),
    /1\.26 is no row/,
  );
  assert.match(
    complaints((page) => page.replace(line('1\\.26 \\| New'), '$&$&')),
    /1\.26 stands twice/,
  );
});

test('names of tests are found as the runner prints them: literals, templates and wrappers', () => {
  const file = testFileOf(`
    const table = { 'a wrong key': 1, other: 2 };
    for (const [what, n] of Object.entries(table)) test(\`refused: \${what}, \${JSON.stringify({ n })}\`, () => {});
    for (const what of ['a wrong key']) test(\`refused: \${what}\`, () => {});
    const refused = (name: string, code: string) =>
      test(name, async () => code);
    refused('by \\'name\\'', 'x');
    refused(
      "over two lines",
      'x');
    test.skip('never run', () => {});
    contest('no test', 1);
    for (const step of [8, 10]) it(\`step \${step}\`, () => {});
  `);
  for (const name of ["by 'name'", 'over two lines', 'refused: a wrong key', 'step 8', 'step 10']) {
    assert.equal(file.has(name), true, name);
  }
  for (const name of ['never run', 'no test', 'refused: a wrong', 'refused: a missing key', 'step 9', 'x', 'by name']) {
    assert.equal(file.has(name), false, name);
  }
  const computed = testFileOf('it(`$' + '{one.name}: refused`, () => {})', ['b: refused']);
  assert.deepEqual([computed.has('b: refused'), computed.has('a: refused')], [true, false]);
});
