import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declaredNames, firstStates, keyOf, modelRows, NEVER_TAKEN, otherWrites, type Row } from '../../model/rows.ts';
import type { FlowDefinition } from '../../src/flow/index.ts';
import { changeFlow } from '../../src/m2me/change-flow.ts';
import { validationFlow } from '../../src/pva/flow.ts';
import { deliveryFlow } from '../../src/ro/flow.ts';
import { orderFlow, releaseFlow } from '../../src/sho/flows.ts';

/** The records of the model and the tables they follow. */
const FLOWS: Readonly<Record<string, FlowDefinition<string, string>>> = {
  changes: changeFlow,
  releases: releaseFlow,
  orders: orderFlow,
  deliveries: deliveryFlow,
  validations: validationFlow,
};

function tableRows(record: string, { transitions }: FlowDefinition<string, string>): Row[] {
  return transitions.flatMap(({ from, on, to }) =>
    (typeof from === 'string' ? [from] : from).map((state) => ({ record, from: state, on, to })),
  );
}

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

for (const [record, flow] of Object.entries(FLOWS)) {
  test(`the model and ${flow.name} have the same rows`, () => {
    const inModel = modelRows().filter((row) => row.record === record);
    assert.deepEqual(sorted(inModel.map(keyOf)), sorted(tableRows(record, flow).map(keyOf)));
  });

  test(`${flow.name} begins in the model where it begins in src`, () => {
    assert.deepEqual(firstStates(record), [flow.initial]);
    assert.deepEqual(otherWrites(record), []);
  });
}

test('the model has no other records', () => {
  assert.deepEqual(sorted(modelRows().map(({ record }) => record)), sorted(Object.keys(FLOWS)));
});

test('the model declares the states and events of src, and no others', () => {
  const flows = Object.values(FLOWS);
  const inSrc = flows.flatMap(({ states, transitions }) => [...states, ...transitions.map(({ on }) => on)]);
  assert.deepEqual(sorted(declaredNames()), sorted(inSrc));
});

test('a row that is never taken is a row', () => {
  const rows = modelRows().map(keyOf);
  assert.deepEqual(
    NEVER_TAKEN.filter((key) => !rows.includes(key)),
    [],
  );
});
