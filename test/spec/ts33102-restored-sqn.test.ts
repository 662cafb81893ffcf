// 3GPP TS 33.102 annex C: what an AuC that comes out of a backup may give, and what cards make of it (C.2.1, C.2.2, 6.3.5).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkSqn,
  createSqnGenerator,
  createSqnState,
  DEFAULT_DELTA,
  joinSqn,
  nextSqn,
  RESTORE_MARGIN,
  restoredSqn,
  resync,
  type SqnGenerator,
  type SqnState,
  splitSqn,
} from '../../src/aka/index.ts';

const DAY = 86_400_000;
const START = Date.UTC(2027, 0, 1);

/** `count` vectors, one every `everyMs`. */
function run(generator: SqnGenerator, count: number, fromMs: number, everyMs: number) {
  const given: Buffer[] = [];
  let state = generator;
  for (let i = 0; i < count; i++) {
    const { sqn, next } = nextSqn(state, fromMs + i * everyMs);
    given.push(sqn);
    state = next;
  }
  return { given, state };
}

function take(card: SqnState, numbers: readonly Buffer[]): SqnState {
  let state = card;
  for (const sqn of numbers) {
    const result = checkSqn(state, sqn);
    assert.ok(result.ok, `the card refuses ${sqn.toString('hex')}`);
    state = result.next;
  }
  return state;
}

const schemes = fc.constantFrom('counter' as const, 'time' as const);

test('no number is given twice, and a card in use takes the next one without AUTS', () => {
  fc.assert(
    fc.property(
      schemes,
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.integer({ min: 0, max: 90 * DAY }),
      fc.integer({ min: 0, max: 16 }),
      (scheme, before, since, everyMs, age, indBits) => {
        const first = run(createSqnGenerator({ scheme, nowMs: START, indBits }), before, START, everyMs);
        const madeAt = START + before * everyMs;
        // The lost HSS went on, and the card has seen some of it, or nothing since the backup.
        const lost = run(first.state, since, madeAt, everyMs);
        const restoredAt = madeAt + since * everyMs + age;
        const back = run(restoredSqn(first.state, { madeAt, restoredAt }), 40, restoredAt, 1);
        const old = new Set([...first.given, ...lost.given].map((sqn) => sqn.toString('hex')));
        for (const sqn of back.given) assert.ok(!old.has(sqn.toString('hex')));
        const fresh = take(createSqnState({ indBits }), first.given);
        take(fresh, back.given);
        take(take(fresh, lost.given), back.given);
      },
    ),
  );
});

test('a burst as large as the margin right after the backup is passed over', () => {
  for (const scheme of ['counter', 'time'] as const) {
    const generator = createSqnGenerator({ scheme, nowMs: START });
    const { seq } = splitSqn(nextSqn(generator, START).sqn, 5);
    const { sqn } = nextSqn(restoredSqn(generator, { madeAt: START, restoredAt: START }), START);
    assert.ok(splitSqn(sqn, 5).seq >= seq + RESTORE_MARGIN, scheme);
  }
});

test('restored twice in a row without a word of the card, it still takes the next number, however old the backup', () => {
  for (const scheme of ['counter', 'time'] as const) {
    const first = run(createSqnGenerator({ scheme, nowMs: START }), 3, START, 100);
    const card = take(createSqnState(), first.given);
    let generator = first.state;
    // A clock-driven generator passes the time itself: a card that was silent for most of a year is refused by the clock.
    const age = scheme === 'counter' ? 3_650 * DAY : 100 * DAY;
    for (const at of [0, 1]) {
      generator = restoredSqn(generator, { madeAt: START + at * age, restoredAt: START + (at + 1) * age });
    }
    const { seq } = splitSqn(nextSqn(generator, START + 2 * age).sqn, 5);
    assert.ok(seq - 3 <= DEFAULT_DELTA, scheme);
    take(card, [nextSqn(generator, START + 2 * age).sqn]);
  }
});

test('a card that is further on says so by AUTS once, and is answered above all that the lost HSS may have given', () => {
  for (const scheme of ['counter', 'time'] as const) {
    const restoredAt = START + DAY;
    const generator = restoredSqn(createSqnGenerator({ scheme, nowMs: START }), { madeAt: START, restoredAt });
    const far = 2 ** 30;
    const card = { ...createSqnState(), seqs: createSqnState().seqs.map(() => far) };
    const refused = checkSqn(card, nextSqn(generator, restoredAt).sqn);
    assert.ok(!refused.ok);
    const corrected = resync(generator, refused.sqnMs, restoredAt);
    const { sqn } = nextSqn(corrected, restoredAt);
    assert.equal(splitSqn(sqn, 5).seq, far + RESTORE_MARGIN + 1);
    assert.ok(checkSqn(card, sqn).ok);
    assert.equal('margin' in corrected, false, 'once');
  }
});

test('near the end of the counter a jump uses up no more than half of what is left', () => {
  const end = 2 ** 43 - 1;
  const generator = createSqnGenerator({
    scheme: 'counter',
    nowMs: START,
    sqn: joinSqn({ seq: end - 1_000, ind: 0 }, 5),
  });
  const restored = restoredSqn(generator, { madeAt: START, restoredAt: START + DAY });
  assert.equal(splitSqn(nextSqn(restored, START).sqn, 5).seq, end - 1_000 + 500 + 1);
});

test('a clock that was set back between backup and restoration lets no number come again', () => {
  for (const scheme of ['counter', 'time'] as const) {
    const first = run(createSqnGenerator({ scheme, nowMs: START }), 50, START, 100);
    const restored = restoredSqn(first.state, { madeAt: START, restoredAt: START - 30 * DAY });
    const [last, next] = [first.given.at(-1), nextSqn(restored, START - 30 * DAY).sqn];
    assert.ok(last !== undefined && next.compare(last) > 0, scheme);
  }
});
