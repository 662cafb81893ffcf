import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONFIGURATIONS } from '../../model/configurations.ts';
import { readSearch } from '../../model/search.ts';

const HOLDS = `
State-vector 108 byte, depth reached 93, errors: 0
   254365 states, stored
pan: elapsed time 1.19 seconds
`;
const withErrors = (first: string): string =>
  `pan:1: ${first} (at depth 40)\nWarning: Search not completed\n${HOLDS.replace('errors: 0', 'errors: 1')}`;

test('a search that ends by itself holds', () => {
  const { states, depth, seconds, broken, trouble } = readSearch(HOLDS, 'I1');
  assert.deepEqual(
    { states, depth, seconds, broken, trouble },
    { states: 254365, depth: 93, seconds: 1.19, broken: false, trouble: undefined },
  );
});

test('a search that left something out is none', () => {
  for (const left of ['error: max search depth too small', 'pan: reached -DMEMLIM bound', 'pan: out of memory']) {
    assert.notEqual(readSearch(`${left}\n${HOLDS}`, 'I1').trouble, undefined, left);
  }
  assert.notEqual(readSearch('', 'I1').trouble, undefined);
});

test('only a failure of the property looked at breaks it', () => {
  assert.equal(readSearch(withErrors('assertion violated (0)'), 'I1').broken, true);
  assert.equal(readSearch(withErrors('acceptance cycle'), 'I8').broken, true);
  for (const other of ['block in d_step seq', 'assertion violated (0)']) {
    const { broken, trouble } = readSearch(withErrors(other), 'I8');
    assert.equal(broken, false, other);
    assert.match(trouble ?? '', new RegExp(other.slice(0, 8)));
  }
});

test('I1 to I5 and I8 are looked at, and each has a wrong rule that breaks it', () => {
  const of = (kind: string) => new Set(CONFIGURATIONS.filter((one) => one.kind === kind).map((one) => one.property));
  assert.deepEqual([...of('right')].sort(), ['I1-I5', 'I8']);
  assert.deepEqual([...of('wrong')].sort(), ['I1', 'I2', 'I3', 'I4', 'I5', 'I8']);
});

test('every wrong rule of the model is tried, and docs/model.md tells of every configuration', () => {
  const model = join(import.meta.dirname, '../../model');
  const docs = readFileSync(join(model, '../docs/model.md'), 'utf8');
  for (const { name, property, says } of CONFIGURATIONS) {
    assert.match(docs, new RegExp(`\\| ${name}: .* \\| ${property} \\|`), `${name}: ${says}`);
  }
  const tried = CONFIGURATIONS.flatMap(({ defines }) => defines).filter((define) => define.startsWith('WRONG_'));
  const files = ['machine', 'old-sho', 'new-sho', 'ro', 'world', 'state'].map((name) =>
    readFileSync(join(model, `${name}.pml`), 'utf8'),
  );
  const inModel = files.flatMap((text) => [...text.matchAll(/\bWRONG_\w+/g)]).map(([name]) => name);
  assert.deepEqual([...new Set(inModel)].sort(), [...new Set(tried)].sort());
});
