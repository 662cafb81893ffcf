import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type MachineStatus,
  type OwnerJournal,
  type Progress,
  reportLines,
  reportOn,
  verdictOf,
} from '../../src/owner/index.ts';

const order = (state: string, reason?: string) => ({ orderId: 'o', state, ...(reason && { reason }) });
const machine = (state: string, operator = 'new.test', serial = 's', reason?: string): MachineStatus => ({
  m2meId: 'm',
  operator,
  change: { serial, state, number: 1, ...(reason && { reason }) },
});

for (const [what, ordered, status, expected] of [
  ['goes on', order('validating'), machine('announced'), undefined],
  ['goes on, machine away', order('delivered'), undefined, undefined],
  ['done', order('done'), machine('finished'), 'done'],
  ['done, machine away', order('done'), undefined, 'done'],
  ['done, but the machine still owes a message', order('done'), machine('active-owing-13'), undefined],
  ['done, but the machine works with another', order('done'), machine('finished', 'other.test'), undefined],
  ['done, but the machine tells of another change', order('done'), machine('finished', 'new.test', 'x'), undefined],
  ['refused by the new operator', order('refused', 'platform-bad'), machine('announced'), 'refused platform-bad'],
  [
    'refused by the machine',
    order('delivered'),
    machine('refused', 'old.test', 's', 'token-expired'),
    'refused token-expired',
  ],
  ['given back', order('validating'), machine('returned', 'old.test', 's', 'recalled'), 'returned recalled'],
  ['superseded', order('validating'), machine('superseded', 'old.test'), 'refused superseded'],
  ['refused in an earlier change', order('validating'), machine('refused', 'old.test', 'x'), undefined],
  ['failed for good', order('failed', 'activation-failed'), machine('failed'), 'failed activation-failed'],
] as const) {
  test(`verdict: ${what}`, () => {
    const end = verdictOf(ordered, status, { serial: 's', newSho: 'new.test' });
    assert.equal(end && [end.state, end.reason].filter(Boolean).join(' '), expected);
  });
}

test('a report counts every machine once and says what can be done, the most frequent reason first', () => {
  const records: Record<string, Progress> = {
    a: { end: { state: 'done' } },
    b: { end: { state: 'refused', reason: 'not-owner' } },
    c: { end: { state: 'failed', reason: 'machine-unreachable' } },
    d: { end: { state: 'failed', reason: 'machine-unreachable' } },
    e: { token: 'dA==', orderId: 'o' },
  };
  const journal = { of: (id: string) => records[id] ?? {} } as OwnerJournal;
  const report = reportOn(journal, ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(report.counts, {
    new: 1,
    released: 0,
    ordered: 1,
    instructed: 0,
    done: 1,
    refused: 1,
    returned: 0,
    failed: 2,
  });
  const lines = reportLines(report);
  assert.equal(lines[0], '6 machines: 1 done, 1 refused, 2 not ended, 1 under way, 1 not begun');
  assert.match(lines[1] ?? '', /2 not ended, machine-unreachable: .+ \(c, d\)$/);
  assert.match(lines[2] ?? '', /1 refused, not-owner: .*contract.* \(b\)$/);
});
