// 3GPP TS 33.102 annex C: sequence numbers on the card (C.2) and in the AuC (C.1), and the card's order of work (6.3.3).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkSqn,
  createSqnGenerator,
  createSqnState,
  DEFAULT_DELTA,
  joinSqn,
  makeVector,
  nextSqn,
  openAuts,
  resync,
  type SqnState,
  splitSqn,
  usimAuthenticate,
} from '../../src/aka/index.ts';
import { SecretKey } from '../../src/base/index.ts';

const sqnOf = (seq: number, ind: number): Buffer => joinSqn({ seq, ind }, 5);
const cardWith = (seqs: Record<number, number>, options: { delta?: number; ageLimit?: number } = {}): SqnState => {
  const card = createSqnState(options);
  return { ...card, seqs: card.seqs.map((_, ind) => seqs[ind] ?? 0) };
};
const refused = (card: SqnState, seq: number, ind: number): string => {
  const result = checkSqn(card, sqnOf(seq, ind));
  return result.ok ? 'accepted' : result.sqnMs.toString('hex');
};

test('C.2.2: SEQ not above SEQ_MS(IND) is refused, also 0 on a fresh card', () => {
  assert.equal(refused(createSqnState(), 0, 0), '000000000000');
  assert.equal(refused(cardWith({ 3: 700 }), 700, 3), sqnOf(700, 3).toString('hex'));
  assert.equal(refused(cardWith({ 3: 700 }), 699, 3), sqnOf(700, 3).toString('hex'));
  assert.equal(refused(cardWith({ 3: 700 }), 701, 3), 'accepted');
});

test('C.2.2: a lower SEQ at another IND is accepted, so vectors may arrive out of order', () => {
  assert.equal(refused(cardWith({ 3: 700 }), 1, 4), 'accepted');
  assert.equal(refused(cardWith({ 3: 700 }), 700, 4), 'accepted');
});

test('C.2.2: SQN_MS is the highest of the whole array, not the entry of the received IND', () => {
  assert.equal(refused(cardWith({ 3: 700, 4: 699 }), 699, 4), sqnOf(700, 3).toString('hex'));
  assert.equal(refused(cardWith({ 3: 700, 4: 700 }), 1, 3), sqnOf(700, 4).toString('hex'));
});

test('C.2.1: a jump is measured from the highest SEQ: delta is accepted, delta + 1 is not', () => {
  assert.equal(refused(cardWith({ 1: 7 }), 7 + DEFAULT_DELTA, 9), 'accepted');
  assert.equal(refused(cardWith({ 1: 7 }), 8 + DEFAULT_DELTA, 9), sqnOf(7, 1).toString('hex'));
  assert.equal(refused(cardWith({ 1: 500 }, { delta: 10 }), 511, 1), sqnOf(500, 1).toString('hex'));
});

test('C.2.2: the age limit L accepts SEQ_MS - SEQ < L only', () => {
  const card = cardWith({ 0: 1000 }, { ageLimit: 10 });
  assert.equal(refused(card, 991, 5), 'accepted');
  assert.equal(refused(card, 990, 5), sqnOf(1000, 0).toString('hex'));
});

test('a refusal changes nothing and an acceptance changes one entry of a copy', () => {
  const card = cardWith({ 3: 700 });
  const before = JSON.stringify(card);
  checkSqn(card, sqnOf(1, 3));
  const accepted = checkSqn(card, sqnOf(701, 3));
  assert.equal(JSON.stringify(card), before);
  assert.ok(accepted.ok);
  assert.deepEqual(accepted.next, cardWith({ 3: 701 }));
});

test('a state read back from JSON with missing entries counts them as 0', () => {
  const sparse: SqnState = { indBits: 5, delta: 100, ageLimit: null, seqs: [5] };
  const accepted = checkSqn(sparse, sqnOf(1, 31));
  assert.ok(accepted.ok);
  assert.equal(accepted.next.seqs.length, 32);
  assert.equal(accepted.next.seqs[31], 1);
});

test('SQN splits into SEQ and IND and back, for every IND length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), fc.integer({ min: 0, max: 16 }), (sqn, indBits) => {
      assert.deepEqual(joinSqn(splitSqn(sqn, indBits), indBits), Buffer.from(sqn));
    }),
  );
  assert.throws(() => joinSqn({ seq: 2 ** 43, ind: 0 }, 5), { message: /^SEQ:/ });
  assert.throws(() => joinSqn({ seq: 1, ind: 32 }, 5), { message: /^IND:/ });
  assert.throws(() => splitSqn(Buffer.alloc(6), 17), RangeError);
});

test('whatever arrives, a card never accepts the same SQN twice', () => {
  const step = fc.record({ seq: fc.integer({ min: 0, max: 20 }), ind: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let card = createSqnState({ indBits: 2, delta: 12, ageLimit: 9 });
      const seen = new Set<string>();
      for (const parts of steps) {
        const sqn = joinSqn(parts, 2);
        const result = checkSqn(card, sqn);
        if (!result.ok) continue;
        assert.equal(seen.has(sqn.toString('hex')), false);
        seen.add(sqn.toString('hex'));
        card = result.next;
      }
    }),
  );
});

test('C.1.1.2, C.3.4: the counter raises SEQ by one, turns IND round, and must be stored', () => {
  let generator = createSqnGenerator({ scheme: 'counter', nowMs: 0 });
  for (let i = 1; i <= 40; i++) {
    const made = nextSqn(generator, 0);
    assert.deepEqual(splitSqn(made.sqn, 5), { seq: i, ind: i % 32 });
    assert.equal(made.persist, true);
    generator = made.next;
  }
});

test('the end of the counter is a refusal, not a wrap', () => {
  const generator = createSqnGenerator({ scheme: 'counter', nowMs: 0, sqn: Buffer.alloc(6, 0xff) });
  assert.throws(() => nextSqn(generator, 0), { code: 'sqn-exhausted' });
});

test('C.1.1.3: the time-based scheme needs no write: the stored state serves for a year', () => {
  const start = Date.UTC(2026, 0, 1);
  const stored = createSqnGenerator({ scheme: 'time', nowMs: start });
  let card = createSqnState();
  for (let day = 0; day < 365; day += 3) {
    const made = nextSqn(stored, start + day * 86_400_000);
    assert.equal(made.persist, false);
    const checked = checkSqn(card, made.sqn);
    assert.ok(checked.ok, `day ${day}`);
    card = checked.next;
  }
});

test('C.1.1.3: a fresh card accepts the first time-based SQN, and two within one clock unit differ', () => {
  const now = Date.UTC(2026, 10, 24);
  const first = nextSqn(createSqnGenerator({ scheme: 'time', nowMs: now }), now);
  const second = nextSqn(first.next, now);
  assert.equal(splitSqn(first.sqn, 5).seq, 1);
  const one = checkSqn(createSqnState(), first.sqn);
  assert.ok(one.ok);
  assert.equal(checkSqn(one.next, second.sqn).ok, true);
});

for (const scheme of ['counter', 'time'] as const) {
  test(`6.3.5, ${scheme}: after a resynchronisation the card accepts the next SQN, ahead or behind`, () => {
    const nowMs = 1_800_000_000_000;
    for (const cardSeq of [1, 2 ** 20, DEFAULT_DELTA + 5, 2 ** 42]) {
      for (const homeSeq of [0, 2 ** 20, 2 ** 41]) {
        const card = cardWith({ 7: cardSeq });
        const behind = createSqnGenerator({ scheme, nowMs, sqn: sqnOf(homeSeq, 2) });
        const set = resync(behind, sqnOf(cardSeq, 7), nowMs);
        assert.equal(checkSqn(card, nextSqn(set, nowMs).sqn).ok, true, `${cardSeq} ${homeSeq}`);
        assert.equal(checkSqn(card, nextSqn(set, nowMs + 250).sqn).ok, true, `${cardSeq} ${homeSeq}`);
      }
    }
  });

  test(`6.3.5, ${scheme}: an AUTS of the past does not turn SQN_HE back`, () => {
    const generator = createSqnGenerator({ scheme, nowMs: 0, sqn: sqnOf(1000, 3) });
    assert.equal(resync(generator, sqnOf(900, 1), 0), generator);
  });
}

test('6.3.3: the card answers a stale SQN with an AUTS that the AuC opens, and stays as it was', () => {
  const keys = { k: SecretKey.adopt(Buffer.alloc(16, 1)), opc: SecretKey.adopt(Buffer.alloc(16, 2)) };
  const rand = Buffer.alloc(16, 3);
  const card = cardWith({ 3: 700, 4: 699 });
  const stale = makeVector(keys, rand, sqnOf(500, 3), Buffer.from('8000', 'hex'));
  const answer = usimAuthenticate(keys, card, rand, stale.autn);
  assert.ok(answer.result === 'sync-failure');
  assert.deepEqual(openAuts(keys, rand, answer.auts), { sqnMs: sqnOf(700, 3) });
  const fresh = makeVector(keys, rand, sqnOf(701, 3), Buffer.from('8000', 'hex'));
  const accepted = usimAuthenticate(keys, card, rand, fresh.autn);
  assert.ok(accepted.result === 'ok');
  assert.deepEqual(accepted.res, fresh.xres);
  assert.deepEqual(accepted.next, cardWith({ 3: 701, 4: 699 }));
  assert.equal(usimAuthenticate(keys, accepted.next, rand, fresh.autn).result, 'sync-failure');
});
