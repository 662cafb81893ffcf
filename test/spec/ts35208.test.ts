// 3GPP TS 35.208 (design conformance test data) and public AUTN and AUTS vectors: TS 33.102 6.3.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AkaSource,
  checkAutn,
  computeAka,
  createSqnState,
  createXor,
  kcFromCkIk,
  makeAuts,
  makeVector,
  opcFromOp,
  openAuts,
  sresFromRes,
  usimAuthenticate,
} from '../../src/aka/index.ts';
import { SecretKey } from '../../src/base/index.ts';
import { field, octets, type PlainVector, plainVectors } from '../support/vectors.ts';

const sets = plainVectors('milenage-35.208');

function keysOf(vector: PlainVector): AkaSource {
  const k = SecretKey.adopt(octets(vector.in, 'k'));
  if (vector.in['algorithm'] === 'xor') return createXor(k);
  const op = vector.in['op'];
  return {
    k,
    opc: op === undefined ? SecretKey.adopt(octets(vector.in, 'opc')) : opcFromOp(k, Buffer.from(op, 'hex')),
  };
}

for (const vector of sets) {
  test(`TS 35.208 ${vector.id}: vector, AUTN and AUTS both ways`, () => {
    const source = keysOf(vector);
    const [rand, sqn, amf] = [octets(vector.in, 'rand'), octets(vector.in, 'sqn'), octets(vector.in, 'amf')];
    const av = makeVector(source, rand, sqn, amf);
    assert.equal(av.xres.toString('hex'), field(vector.out, 'f2'));
    assert.equal(av.ck.toString('hex'), field(vector.out, 'f3'));
    assert.equal(av.ik.toString('hex'), field(vector.out, 'f4'));
    assert.equal(av.autn.subarray(8).toString('hex'), field(vector.out, 'f1'));
    assert.deepEqual(av.rand, rand);
    const checked = checkAutn(source, rand, av.autn);
    assert.deepEqual(checked, { ok: true, sqn, amf, res: av.xres, ck: av.ck, ik: av.ik });
    assert.deepEqual(openAuts(source, rand, makeAuts(source, rand, sqn)), { sqnMs: sqn });
  });
}

const [first] = sets;
assert.ok(first !== undefined);
const source = keysOf(first);
const rand = octets(first.in, 'rand');
const sqn = Buffer.from('000000000021', 'hex');
const amf = Buffer.from('8000', 'hex');

test('any flipped bit of AUTN is a MAC failure, without AUTS, even with a stale SQN', () => {
  const { autn } = makeVector(source, rand, sqn, amf);
  const used = { ...createSqnState(), seqs: new Array<number>(32).fill(1000) };
  for (let bit = 0; bit < 128; bit++) {
    const forged = Buffer.from(autn);
    forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
    assert.deepEqual(checkAutn(source, rand, forged), { ok: false });
    assert.deepEqual(usimAuthenticate(source, used, rand, forged), { result: 'mac-failure' });
  }
});

test('any flipped bit of AUTS is refused, and so is an AUTS for another RAND', () => {
  const auts = makeAuts(source, rand, sqn);
  for (let bit = 0; bit < 112; bit++) {
    const forged = Buffer.from(auts);
    forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
    assert.equal(openAuts(source, rand, forged), undefined);
  }
  assert.equal(openAuts(source, Buffer.alloc(16), auts), undefined);
});

test('AUTS is made with AMF* = 0000 whatever the AMF of the challenge was', () => {
  const { macS } = computeAka(source, rand, sqn, Buffer.alloc(2));
  assert.deepEqual(makeAuts(source, rand, sqn).subarray(6), macS);
  assert.notDeepEqual(computeAka(source, rand, sqn, amf).macS, macS);
});

test('AUTN and AUTS of other sizes are refused', () => {
  assert.throws(() => checkAutn(source, rand, Buffer.alloc(15)), { message: /^AUTN:/ });
  assert.throws(() => openAuts(source, rand, Buffer.alloc(16)), { message: /^AUTS:/ });
  assert.throws(() => createXor(SecretKey.adopt(Buffer.alloc(16)), 3), { message: /^RES:/ });
});

test('the vector shares no octets with its inputs', () => {
  const mine = Buffer.from(rand);
  const av = makeVector(source, mine, sqn, amf);
  const before = av.rand.toString('hex');
  mine.fill(0);
  assert.equal(av.rand.toString('hex'), before);
});

for (const vector of plainVectors('aka-osmocom')) {
  test(`public AKA vector ${vector.id}`, () => {
    const keys = keysOf(vector);
    const challenge = octets(vector.in, 'rand');
    if (vector.out['auts'] !== undefined) {
      assert.equal(makeAuts(keys, challenge, octets(vector.in, 'sqnMs')).toString('hex'), vector.out['auts']);
      assert.deepEqual(openAuts(keys, challenge, octets(vector.out, 'auts')), { sqnMs: octets(vector.in, 'sqnMs') });
      return;
    }
    const av = makeVector(keys, challenge, octets(vector.in, 'sqn'), octets(vector.in, 'amf'));
    assert.equal(av.autn.toString('hex'), field(vector.out, 'autn'));
    assert.equal(av.xres.toString('hex'), field(vector.out, 'xres'));
    assert.equal(av.ck.toString('hex'), field(vector.out, 'ck'));
    assert.equal(av.ik.toString('hex'), field(vector.out, 'ik'));
    assert.equal(sresFromRes(av.xres).toString('hex'), field(vector.out, 'sres'));
    assert.equal(kcFromCkIk(av.ck, av.ik).toString('hex'), field(vector.out, 'kc'));
    assert.equal(checkAutn(keys, challenge, av.autn).ok, true);
  });
}
