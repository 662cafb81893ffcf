import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Avp,
  checkAvps,
  checkMessage,
  DESTINATION_HOST,
  DiameterRefusal,
  decodeMessage,
  encodeAvps,
  encodeMessage,
  MAX_DEPTH,
  make,
  NAF_ID,
  ORIGIN_HOST,
  RESULT_CODE,
  refusalTo,
  SESSION_ID,
  SIP_AUTH_DATA_ITEM,
  USER_NAME,
  VENDOR_3GPP,
  VENDOR_ID,
  VENDOR_SPECIFIC_APPLICATION_ID,
} from '../../../src/diameter/index.ts';
import { changed, plus, refusalOf, vector, without } from '../support.ts';

const raw = (code: number, data: Buffer | string, vendorId = 0, mandatory = true): Avp => ({
  code,
  vendorId,
  mandatory,
  data: Buffer.from(data),
});
const hex = (octets: Buffer | undefined): string | undefined => octets?.toString('hex');

function expect(octets: Buffer, code: number, failedAvp?: Avp): void {
  const refusal = refusalOf(octets);
  assert.equal(refusal.resultCode, code, refusal.message);
  if (failedAvp !== undefined) assert.equal(hex(refusal.failedAvp), hex(encodeAvps([failedAvp])));
}

test('headers: version 5011, lengths 5015, application 3007, command 3001, flags 3008', () => {
  const mar = vector('mar');
  expect(mar.subarray(0, 19), 5015);
  expect(mar.subarray(0, mar.length - 4), 5015);
  const odd = Buffer.concat([mar, Buffer.alloc(2)]);
  odd.writeUIntBE(odd.length, 1, 3);
  expect(odd, 5015);
  const version = vector('mar');
  version[0] = 2;
  expect(version, 5011);
  const same = (avps: readonly Avp[]) => avps;
  expect(changed('mar', same, { application: 16_777_216 }), 3007);
  expect(changed('mar', same, { application: 16_777_220 }), 3001);
  expect(changed('bir', same, { code: 303 }), 3001);
  expect(changed('mar', same, { code: 304 }), 3001);
  expect(changed('mar', same, { error: true }), 3008);
  expect(changed('mar', same, { proxiable: false }), 3008);
  expect(changed('cer', same, { proxiable: true }), 3008);
  expect(changed('maa', same, { retransmitted: true }), 3008);
});

test('AVP lengths: 5014 with the header and zeros of the least length', () => {
  const cut = (octets: Buffer) => encodeMessage({ ...decodeMessage(vector('mar')), avps: [] }).length + octets.length;
  const withTail = (tail: Buffer): Buffer => {
    const whole = Buffer.concat([vector('mar'), tail]);
    whole.writeUIntBE(whole.length, 1, 3);
    assert.ok(cut(tail) > 0);
    return whole;
  };
  const head = (code: number, flags: number, length: number, ...more: number[]) =>
    Buffer.from([0, 0, code >> 8, code & 255, flags, 0, length >> 8, length & 255, ...more]);
  expect(withTail(head(258, 0x40, 7)), 5014, raw(258, Buffer.alloc(4)));
  expect(withTail(head(258, 0x40, 16, 0, 0, 0, 1)), 5014, raw(258, Buffer.alloc(4)));
  expect(withTail(head(400, 0xc0, 11, 0, 0, 40, 175)), 5014, raw(400, '', VENDOR_3GPP));
  expect(withTail(head(9999, 0, 0)), 5014, raw(9999, '', 0, false));
  // A length that leaves no room for the padding, and one beyond the message.
  expect(withTail(head(1, 0x40, 9, 65)), 5015);
  expect(withTail(head(1, 0x40, 13, 65, 65, 65, 65)), 5014, raw(1, ''));
  expect(withTail(Buffer.from([0, 0, 1, 2])), 5014, { ...raw(258, Buffer.alloc(4)), mandatory: false });
});

test('formats: data of wrong length 5014, wrong content 5004, both with the AVP', () => {
  const session = (bad: Avp) => changed('mar', (avps) => [...without(277)(avps), bad]);
  expect(session(raw(277, Buffer.alloc(5))), 5014, raw(277, Buffer.alloc(4)));
  expect(session(raw(277, Buffer.from([0, 0, 0, 9]))), 5004, raw(277, Buffer.from([0, 0, 0, 9])));
  const name = (data: Buffer | string) => changed('mar', (avps) => [...without(1)(avps), raw(1, data)]);
  expect(name(Buffer.from([0xc3, 0x28])), 5004, raw(1, Buffer.from([0xc3, 0x28])));
  for (const bad of ['a b', 'a\0', '-a', 'a..b', 'ä.test', 'a'.repeat(300)]) {
    const avp = raw(264, Buffer.from(bad, 'latin1'));
    expect(
      changed('mar', (avps) => [...without(264)(avps), avp]),
      5004,
      avp,
    );
  }
  expect(changed('mar', plus(raw(293, ''))), 5014, raw(293, Buffer.alloc(1)));
  const short = raw(257, Buffer.from([0, 1, 127, 0, 0]));
  expect(changed('cer', plus(short)), 5004, short);
});

test('flags of AVPs: reserved bits and a V bit with vendor 0 are 3009', () => {
  const reserved = vector('mar');
  reserved[24] = 0x41;
  expect(reserved, 3009);
  const zero = Buffer.concat([vector('mar'), Buffer.from([0, 0, 0, 1, 0xc0, 0, 0, 12, 0, 0, 0, 0])]);
  zero.writeUIntBE(zero.length, 1, 3);
  expect(zero, 3009);
});

test('an unknown AVP is refused with the M bit (5001), ignored without; a vendor makes another attribute', () => {
  const unknown = raw(9999, 'x');
  expect(changed('mar', plus(unknown)), 5001, unknown);
  const other = raw(404, Buffer.alloc(4));
  expect(changed('mar', plus(other)), 5001, other);
  const foreign = raw(409, Buffer.alloc(4), 10_416);
  expect(changed('mar', plus(foreign)), 5001, foreign);
  for (const avp of [raw(9999, 'x', 0, false), raw(1, 'x', VENDOR_3GPP, false)]) {
    assert.throws(() => refusalOf(changed('mar', plus(avp))), /it was taken/);
  }
});

test('counts: missing 5005 with an example, too many 5009 with the first one over, not allowed 5008', () => {
  expect(changed('mar', without(263)), 5005, raw(263, ''));
  expect(changed('mar', without(283)), 5005, raw(283, Buffer.alloc(1)));
  expect(changed('bir', without(402)), 5005, raw(402, '', VENDOR_3GPP));
  expect(changed('bir', without(401)), 5005, raw(401, '', VENDOR_3GPP));
  expect(changed('cer', without(257)), 5005, raw(257, Buffer.alloc(6)));
  expect(changed('mar', plus(make(USER_NAME, 'b@x'), make(USER_NAME, 'c@x'))), 5009, make(USER_NAME, 'b@x'));
  expect(changed('bir', plus(make(NAF_ID, Buffer.from('x')))), 5009, make(NAF_ID, Buffer.from('x')));
  expect(changed('mar', plus(make(RESULT_CODE, 2001))), 5008, make(RESULT_CODE, 2001));
  expect(changed('cer', plus(make(DESTINATION_HOST, 'x.test'))), 5008, make(DESTINATION_HOST, 'x.test'));
  expect(changed('cer', plus(make(SESSION_ID, 'x'))), 5008, make(SESSION_ID, 'x'));
});

test('a fault inside a group shows the group with that member alone', () => {
  const item = (member: Avp) => make(SIP_AUTH_DATA_ITEM, [make(VENDOR_ID, 1), member]);
  const inMar = (member: Avp) => changed('mar', (avps) => [...without(612)(avps), item(member)]);
  const group = (member: Avp) => make(SIP_AUTH_DATA_ITEM, [member]);
  const unknown = raw(7777, 'abc', VENDOR_3GPP);
  expect(inMar(unknown), 5001, group(unknown));
  expect(inMar(raw(625, Buffer.alloc(15), VENDOR_3GPP)), 5014, group(raw(625, Buffer.alloc(16), VENDOR_3GPP)));
  const deep = raw(635, encodeAvps([raw(104, 'realm')]), VENDOR_3GPP, false);
  expect(inMar(deep), 5005, group({ ...deep, data: encodeAvps([raw(110, '')]) }));
  expect(inMar(raw(635, Buffer.alloc(6), VENDOR_3GPP)), 5014);
  assert.throws(() => checkAvps(decodeMessage(vector('mar')).avps, [], MAX_DEPTH), { resultCode: 5004 });
});

test('Vendor-Specific-Application-Id: none 5005, two 5009, another application 5004', () => {
  const ids = (...members: Avp[]) =>
    changed('mar', (avps) => [
      ...without(260)(avps),
      make(VENDOR_SPECIFIC_APPLICATION_ID, [make(VENDOR_ID, 10_415), ...members]),
    ]);
  const id = (code: number, value: number) => raw(code, Buffer.from(value.toString(16).padStart(8, '0'), 'hex'));
  expect(ids(), 5005);
  expect(ids(id(258, 16_777_221), id(259, 16_777_221)), 5009);
  expect(ids(id(258, 16_777_216)), 5004);
  expect(ids(id(259, 16_777_221)), 5004);
  assert.throws(() => refusalOf(changed('mar', without(260))), /it was taken/, 'its absence is tolerated');
});

test('more AVPs than anybody needs are 5012', () => {
  const many = Array.from({ length: 600 }, () => raw(9999, '', 0, false));
  expect(changed('mar', plus(...many)), 5012);
});

test('a refusal is answered with the identifiers, Session-Id, Proxy-Info and Failed-AVP, E bit for 3xxx only', () => {
  const proxy = raw(284, encodeAvps([make({ ...ORIGIN_HOST, code: 280 }, 'relay.test'), raw(33, 'state')]));
  const octets = changed('mar', (avps) => [...without(277)(avps), proxy]);
  const local = { host: 'hss.test', realm: 'test' };
  const answer = refusalTo(decodeMessage(octets), refusalOf(octets), local);
  assert.deepEqual(
    answer.avps.map(({ code }) => code),
    [263, 268, 264, 296, 279, 284],
  );
  assert.equal(answer.hopByHop, 0x11223344);
  assert.equal(answer.endToEnd, 0x55667788);
  assert.deepEqual([answer.request, answer.proxiable, answer.error], [false, true, false]);
  const wrong = changed('mar', (avps) => avps, { code: 304 });
  assert.equal(refusalTo(decodeMessage(wrong), refusalOf(wrong), local).error, true);
});

test('an answer with the E bit may be without the P bit (RFC 6733 7.2): freeDiameter clears it', () => {
  const request = decodeMessage(vector('mar'));
  const refusal = new DiameterRefusal(3002, 'no way there');
  const answer = refusalTo(request, refusal, { host: 'relay.test', realm: 'test' });
  for (const proxiable of [true, false]) checkMessage({ ...answer, proxiable });
  assert.throws(() => checkMessage({ ...answer, proxiable: false, error: false }), { resultCode: 3008 });
});
