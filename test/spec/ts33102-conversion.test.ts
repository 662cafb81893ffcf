// 3GPP TS 33.102 6.8.1.2: c2 and c3.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kcFromCkIk, sresFromRes } from '../../src/aka/index.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

test('c2 pads RES with zeros at its end and folds it into four octets', () => {
  assert.equal(sresFromRes(hex('01020304')).toString('hex'), '01020304');
  assert.equal(sresFromRes(hex('0102030410')).toString('hex'), '11020304');
  assert.equal(sresFromRes(hex('01020304100000ff')).toString('hex'), '110203fb');
  assert.equal(sresFromRes(hex(`0000000f000000f0${'00'.repeat(4)}80000000`)).toString('hex'), '800000ff');
});

test('c2 and c3 refuse what TS 33.102 6.3.7 does not know', () => {
  for (const octets of [0, 3, 17]) assert.throws(() => sresFromRes(Buffer.alloc(octets)), { message: /^RES:/ });
  assert.throws(() => kcFromCkIk(Buffer.alloc(16), Buffer.alloc(15)), { message: /^IK:/ });
});
