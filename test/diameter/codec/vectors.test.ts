import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONFIDENTIALITY_KEY,
  checkMessage,
  createFramer,
  DiameterRefusal,
  decodeMessage,
  encodeMessage,
  GUSS_TIMESTAMP,
  get,
  KEY_EXPIRY_TIME,
  make,
  resultOf,
  SIP_AUTH_DATA_ITEM,
  SIP_AUTHENTICATE,
  USER_NAME,
} from '../../../src/diameter/index.ts';
import { vector, vectors } from '../support.ts';

for (const [name, octets] of vectors) {
  test(`${name}: fixed octets are taken and come out the same`, () => {
    const message = decodeMessage(octets);
    checkMessage(message);
    assert.equal(encodeMessage(message).toString('hex'), octets.toString('hex'));
  });
}

test('values of the vectors', () => {
  const mar = decodeMessage(vector('mar'));
  assert.equal(get(mar.avps, USER_NAME), 'user@ims.test');
  assert.equal(get(mar.avps, GUSS_TIMESTAMP), Date.UTC(2000, 0, 1) + (0xbc17c200 - 3_155_673_600) * 1000);
  const item = get(decodeMessage(vector('maa')).avps, SIP_AUTH_DATA_ITEM) ?? [];
  assert.equal(get(item, SIP_AUTHENTICATE)?.length, 32);
  assert.deepEqual(get(item, CONFIDENTIALITY_KEY), Buffer.alloc(16, 0x0c));
  assert.deepEqual(resultOf(decodeMessage(vector('maa'))), { vendorId: 0, code: 2001 });
  assert.deepEqual(resultOf(decodeMessage(vector('bia'))), { vendorId: 10_415, code: 5403 });
});

test('Time turns over in 2036 and not before', () => {
  const octetsOf = (ms: number) => make(KEY_EXPIRY_TIME, ms).data.toString('hex');
  assert.equal(octetsOf(Date.UTC(2036, 1, 7, 6, 28, 15)), 'ffffffff');
  assert.equal(octetsOf(Date.UTC(2036, 1, 7, 6, 28, 16)), '00000000');
  assert.equal(octetsOf(0), '83aa7e80');
  assert.equal(KEY_EXPIRY_TIME.type.decode(Buffer.alloc(4)), Date.UTC(2036, 1, 7, 6, 28, 16));
  assert.throws(() => octetsOf(Date.UTC(2105, 0, 1)), { code: 'avp-value-invalid' });
  assert.throws(() => octetsOf(Number.NaN), { code: 'avp-value-invalid' });
});

test('a stream is cut into messages wherever it breaks', () => {
  const all = Buffer.concat([vector('cer'), vector('mar'), vector('bia')]);
  for (const step of [1, 3, 4, 19, 200, all.length]) {
    const framer = createFramer();
    const found: Buffer[] = [];
    for (let at = 0; at < all.length; at += step) found.push(...framer.push(all.subarray(at, at + step)));
    assert.deepEqual(
      found.map((octets) => octets.toString('hex')),
      ['cer', 'mar', 'bia'].map((name) => vector(name).toString('hex')),
    );
  }
});

test('a stream that is no Diameter is refused before its octets are waited for', () => {
  const refused = (octets: number[]) =>
    assert.throws(() => createFramer().push(Buffer.from(octets)), DiameterRefusal, String(octets));
  refused([2, 0, 0, 20]);
  refused([1, 0, 0, 16]);
  refused([1, 0, 0, 22]);
  refused([1, 1, 0, 4]);
  refused([0x47, 0x45, 0x54, 0x20]);
});
