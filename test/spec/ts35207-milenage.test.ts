// 3GPP TS 35.206 (MILENAGE) with the implementers' test data of TS 35.207.
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { milenage, opcFromOp } from '../../src/aka/index.ts';
import { SecretKey } from '../../src/base/index.ts';
import { field, octets, plainVectors } from '../support/vectors.ts';

const key = (fill: number, size = 16): SecretKey => SecretKey.adopt(Buffer.alloc(size, fill));

test('wrong sizes are refused by name', () => {
  const keys = { k: key(1), opc: key(2) };
  const [rand, sqn, amf] = [Buffer.alloc(16), Buffer.alloc(6), Buffer.alloc(2)];
  assert.throws(() => milenage({ ...keys, k: key(1, 15) }, rand, sqn, amf), { name: 'RangeError', message: /^K:/ });
  assert.throws(() => milenage({ ...keys, opc: key(1, 17) }, rand, sqn, amf), { message: /^OPc:/ });
  assert.throws(() => milenage(keys, Buffer.alloc(15), sqn, amf), { message: /^RAND:/ });
  assert.throws(() => milenage(keys, rand, Buffer.alloc(7), amf), { message: /^SQN:/ });
  assert.throws(() => milenage(keys, rand, sqn, Buffer.alloc(1)), { message: /^AMF:/ });
  assert.throws(() => opcFromOp(key(1), Buffer.alloc(17)), { message: /^OP:/ });
});

test('an erased key computes nothing', () => {
  const keys = { k: key(1), opc: key(2) };
  keys.opc.erase();
  assert.throws(() => milenage(keys, Buffer.alloc(16), Buffer.alloc(6), Buffer.alloc(2)), { code: 'key-erased' });
});

for (const vector of plainVectors('milenage-35.207')) {
  test(`TS 35.207 set ${vector.id}: OPc and f1 to f5*`, () => {
    const k = SecretKey.adopt(octets(vector.in, 'k'));
    const opc = opcFromOp(k, octets(vector.in, 'op'));
    const out = milenage({ k, opc }, octets(vector.in, 'rand'), octets(vector.in, 'sqn'), octets(vector.in, 'amf'));
    const computed = {
      opc: opc.bytes(),
      f1: out.macA,
      f1star: out.macS,
      f2: out.res,
      f3: out.ck,
      f4: out.ik,
      f5: out.ak,
      f5star: out.akStar,
    };
    for (const [name, value] of Object.entries(computed)) {
      assert.equal(value.toString('hex'), field(vector.out, name), name);
    }
  });
}

const octetsOf = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

/** TS 35.206 4.1 line by line, block by block: slow and plain. */
function byTheBook(k: Buffer, opc: Buffer, rand: Uint8Array, sqn: Uint8Array, amf: Uint8Array): Buffer[] {
  const encrypt = (block: Buffer): Buffer => createCipheriv('aes-128-ecb', k, null).setAutoPadding(false).update(block);
  const xor = (a: Uint8Array, b: Uint8Array): Buffer => Buffer.from(a.map((octet, i) => octet ^ (b[i] ?? 0)));
  const turn = (block: Buffer, by: number): Buffer => Buffer.concat([block.subarray(by), block.subarray(0, by)]);
  const constant = (last: number): Buffer => Buffer.concat([Buffer.alloc(15), Buffer.of(last)]);
  const temp = encrypt(xor(rand, opc));
  const in1 = Buffer.concat([sqn, amf, sqn, amf]);
  const out1 = xor(encrypt(xor(xor(temp, turn(xor(in1, opc), 8)), constant(0))), opc);
  const others = [0, 4, 8, 12].map((by, i) => xor(encrypt(xor(turn(xor(temp, opc), by), constant(1 << i))), opc));
  return [out1, ...others];
}

test('any input: the two-call form equals the clause computed block by block', () => {
  fc.assert(
    fc.property(octetsOf(16), octetsOf(16), octetsOf(16), octetsOf(6), octetsOf(2), (k, opc, rand, sqn, amf) => {
      const out = milenage({ k: SecretKey.copyOf(k), opc: SecretKey.copyOf(opc) }, rand, sqn, amf);
      const [out1, out2, out3, out4, out5] = byTheBook(Buffer.from(k), Buffer.from(opc), rand, sqn, amf);
      assert.deepEqual(Buffer.concat([out.macA, out.macS]), out1);
      assert.deepEqual(out.ak, out2?.subarray(0, 6));
      assert.deepEqual(out.res, out2?.subarray(8, 16));
      assert.deepEqual(out.ck, out3);
      assert.deepEqual(out.ik, out4);
      assert.deepEqual(out.akStar, out5?.subarray(0, 6));
    }),
  );
});
