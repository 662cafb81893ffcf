import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSettings } from '../../src/bsf/procedures/choose-settings.ts';
import type { Uss } from '../../src/http/index.ts';

const uss = (gsId: number, more: Partial<Uss> = {}): Uss => ({
  gsId,
  gsType: 0,
  ueIds: [{ ueId: `u${gsId}` }],
  ...more,
});
const policy = (more: { gsIds?: number[]; requires?: number[]; group?: string } = {}) => ({
  group: more.group,
  gsIds: more.gsIds ?? [1, 2],
  requires: more.requires ?? [],
});
const ALL = { gbaU: true, aware: true };
const REFUSED = { code: 'naf-not-allowed' };
const choose = (
  guss: Uss[],
  asked: number[],
  more: Parameters<typeof policy>[0] = {},
  able: { gbaU: boolean; aware: boolean } = ALL,
) => chooseSettings(guss, asked, policy(more), able);

test('a NAF gets no settings of a service that is not its own, and by default none at all', () => {
  assert.throws(() => choose([uss(3)], [3]), REFUSED);
  assert.throws(() => choose([uss(1), uss(3)], [1, 3]), REFUSED);
  assert.throws(() => choose([], [3]), REFUSED, 'whether the subscriber has it or not');
  assert.throws(() => choose([uss(1)], [1], { gsIds: [] }), REFUSED);
  assert.deepEqual(choose([uss(1), uss(2)], []).uss, [], 'who asks for none gets none');
});

test('a required USS must be there, asked for or not, and not only for another group', () => {
  assert.throws(() => choose([], [], { requires: [1] }), REFUSED);
  assert.throws(() => choose([uss(2)], [2], { requires: [1] }), REFUSED);
  assert.throws(() => choose([uss(1, { nafGroup: 'g' })], [], { requires: [1] }), REFUSED);
  assert.deepEqual(choose([uss(1)], [], { requires: [1] }).uss, []);
  assert.deepEqual(choose([uss(1, { nafGroup: 'g' })], [], { requires: [1], group: 'g' }).uss, []);
  assert.deepEqual(choose([], [1]).uss, [], 'not required: left out');
});

test('one USS a service: that of the own group before the common one, never another group’s', () => {
  const [common, mine, other] = [uss(1), uss(1, { nafGroup: 'mine' }), uss(1, { nafGroup: 'other' })];
  assert.deepEqual(choose([common, mine, other], [1], { group: 'mine' }).uss, [mine]);
  assert.deepEqual(choose([common, other], [1], { group: 'mine' }).uss, [common]);
  assert.deepEqual(choose([common, mine], [1]).uss, [common]);
  assert.deepEqual(choose([mine, other], [1]).uss, []);
  assert.deepEqual(choose([common, uss(2)], [2, 1, 2]).uss, [uss(2), common], 'once each');
});

test('key choice: what the settings demand is given or nothing is', () => {
  const [me, uicc, both] = ['ME_BASED_KEY', 'UICC-based-key', 'ME_UICC_BASED_KEYS'].map((keyChoice, i) =>
    uss(i + 1, { keyChoice }),
  ) as [Uss, Uss, Uss];
  const three = { gsIds: [1, 2, 3] };
  const key = (asked: number[], able = ALL, more = {}) =>
    choose([me, uicc, both], asked, { ...three, ...more }, able).uiccKey;
  assert.equal(key([1]), false);
  assert.equal(key([2]), true);
  assert.equal(key([3]), true);
  assert.equal(key([]), true);
  assert.equal(key([1, 3]), false);
  assert.equal(key([2, 3]), true);
  for (const able of [
    { gbaU: false, aware: true },
    { gbaU: true, aware: false },
  ]) {
    assert.throws(() => key([2], able), REFUSED);
    assert.throws(() => key([], able, { requires: [2] }), REFUSED, 'a required USS counts too');
    assert.equal(key([3], able), false);
    assert.equal(key([], able), false);
  }
  assert.throws(() => key([1, 2]), REFUSED, 'contradiction');
  assert.throws(() => choose([uss(1, { keyChoice: 'QUANTUM_KEY' })], [1]), REFUSED);
});
