import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkStrictDer,
  type DerCodec,
  decodeDer,
  derBoolean,
  derEnum,
  derInteger,
  derOctets,
  derSequence,
  derSequenceOf,
  derTagged,
  derText,
  derTime,
  encodeDer,
} from '../../src/x509/index.ts';

const refused = { code: 'der-invalid' };

const MALFORMED: Readonly<Record<string, string>> = {
  'nothing at all': '',
  'a tag without length': '30',
  'indefinite length': '30800000',
  'long form for a short length': '04810100',
  'length with a leading zero': `0482008000${'00'.repeat(127)}`,
  'length past the end': '040200',
  'length of five octets': '04850000000001aa',
  'trailing octets': '040100ff',
  'INTEGER without octets': '0200',
  'INTEGER 00 01': '02020001',
  'INTEGER FF 80': '0202ff80',
  'ENUMERATED 00 01': '0a020001',
  'BOOLEAN 01': '010101',
  'BOOLEAN of two octets': '0102ffff',
  'NULL with content': '050100',
  'constructed OCTET STRING': '2403040100',
  'primitive SEQUENCE': '1000',
  'unsorted SET OF': '31060201020201ff'.replace('0201ff', '020101'),
  'BIT STRING with eight unused bits': '03020800',
  'BIT STRING with an unused bit set': '03020101',
  'BIT STRING without its first octet': '0300',
  'OBJECT IDENTIFIER that does not end': '060181',
  'OBJECT IDENTIFIER padded at its start': '0602802a',
  'OBJECT IDENTIFIER padded inside': '06032a8001',
  'multi-octet tag': '1f8100',
  'UTCTime without seconds': '170b323630313031303030305a',
  'UTCTime with an offset': `1711${Buffer.from('260101000000+0100').toString('hex')}`,
  'UTCTime of month 13': `170d${Buffer.from('261301000000Z').toString('hex')}`,
  'GeneralizedTime in local time': `180e${Buffer.from('20260101000000').toString('hex')}`,
  'GeneralizedTime without seconds': `180d${Buffer.from('202601010000Z').toString('hex')}`,
  'GeneralizedTime with an offset': `1813${Buffer.from('20260101000000+0100').toString('hex')}`,
  'GeneralizedTime with a comma': `1811${Buffer.from('20260101000000,5Z').toString('hex')}`,
  'GeneralizedTime with a zero at the end of its fraction': `1812${Buffer.from('20260101000000.50Z').toString('hex')}`,
  'GeneralizedTime with an empty fraction': `1810${Buffer.from('20260101000000.Z').toString('hex')}`,
  'GeneralizedTime at 24 hours': `180f${Buffer.from('20260101240000Z').toString('hex')}`,
  'an INTEGER of half a million octets': `028307a120${'01'.repeat(500_000)}`,
  'an OBJECT IDENTIFIER of half a million octets': `068307a120${'01'.repeat(500_000)}`,
  'end-of-contents inside': '30020000',
  'child longer than its parent': '3003040500',
};

for (const [what, hex] of Object.entries(MALFORMED)) {
  test(`strict DER refuses ${what}`, () => {
    assert.throws(() => checkStrictDer(Buffer.from(hex, 'hex')), refused);
  });
}

test('strict DER takes what is minimal, sorted and whole', () => {
  for (const hex of ['0500', '020100', '02020080', '0201ff', '0101ff', '3000', '3106020101020102', '030100']) {
    checkStrictDer(Buffer.from(hex, 'hex'));
  }
  checkStrictDer(Buffer.from('\x17\x0d491231235959Z', 'latin1'));
  checkStrictDer(Buffer.from('\x18\x0f20500101000000Z', 'latin1'));
  checkStrictDer(Buffer.from('\x18\x1220500101000000.05Z', 'latin1'));
});

test('depth and size are bounded', () => {
  let nested = Buffer.from('0500', 'hex');
  for (let i = 0; i < 40; i++) nested = Buffer.concat([Buffer.from([0x30, nested.length]), nested]);
  assert.throws(() => checkStrictDer(nested), refused);
  assert.throws(() => checkStrictDer(Buffer.from('040100', 'hex'), { size: 2 }), refused);
});

test('codecs refuse other types, sizes, values and members', () => {
  const refuse = <T>(codec: Parameters<typeof decodeDer<T>>[0], hex: string) =>
    assert.throws(() => decodeDer(codec, Buffer.from(hex, 'hex')), refused, hex);
  refuse(derInteger(0, 5), '020106');
  refuse(derInteger(0, 5), '0201ff');
  refuse(derInteger(0, 5), '0a0101');
  refuse(derEnum(['a', 'b']), '0a0102');
  refuse(derEnum(['a', 'b']), '020101');
  refuse(derBoolean, '020101');
  refuse(derOctets(2), '0401aa');
  refuse(derOctets(2), '0c02aaaa');
  refuse(derText(4), '0c00');
  refuse(derText(1), '0c026162');
  refuse(derText(4), '0c02c328');
  refuse(derText(4), '0c0100');
  refuse(derText(4), '1302 6162'.replace(' ', ''));
  refuse(derTime, '180f32303236303133323030303030305a');
  refuse(derTime, '181132303236303130313030303030302e315a');
  refuse(derTime, '170d3236303130313030303030305a');
  refuse(derSequence({ a: derBoolean }), '30060101ff0101ff');
  refuse(derSequence({ a: derBoolean }), '3000');
  refuse(derSequenceOf(derBoolean, 1, 1), '3000');
  refuse(derTagged(1, derBoolean), 'a0030101ff');
  refuse(derTagged(0, derBoolean), 'a0060101ff0101ff');
});

test('codecs write nothing that no reader takes', () => {
  const refuse = <T>(codec: DerCodec<T>, value: T) => assert.throws(() => encodeDer(codec, value), refused);
  refuse(derInteger(0, 5), 6);
  refuse(derInteger(0, 5), 1.5);
  refuse(derOctets(2), Buffer.alloc(3));
  refuse(derText(4), '');
  refuse(derText(4), 'abcde');
  refuse(derText(4), '\ud800');
  refuse(derText(4), '\u009b');
  refuse(derTime, Date.parse('9999-12-31T23:59:59Z') + 1000);
  refuse(derTime, -1);
  refuse(derTime, Number.NaN);
  refuse(derSequenceOf(derBoolean, 1, 2), []);
});

test('what codecs write is strict DER and comes back', () => {
  const codec = derSequence<{ n: number; o: Buffer; t: string; at: number }>({
    n: derInteger(0, Number.MAX_SAFE_INTEGER),
    o: derOctets(0, 300),
    t: derText(400, true),
    at: derTime,
  });
  const text = fc.string({ unit: 'binary', maxLength: 80 }).filter((s) => !/[\p{Cc}\p{Surrogate}]/u.test(s));
  const members = {
    n: fc.maxSafeNat(),
    o: fc.uint8Array({ maxLength: 300 }).map((a) => Buffer.from(a)),
    t: text,
    at: fc.integer({ min: 0, max: 253402300799 }).map((s) => s * 1000),
  };
  const value = fc.record(members, { noNullPrototype: true });
  fc.assert(fc.property(value, (v) => assert.deepEqual(decodeDer(codec, encodeDer(codec, v)), v)));
});

test('codecs write the DER that X.690 gives', () => {
  const at = Date.parse('2027-01-02T03:04:05Z');
  assert.equal(encodeDer(derTime, at + 999).toString('hex'), '180f32303237303130323033303430355a');
  assert.equal(decodeDer(derTime, encodeDer(derTime, at)), at);
  assert.equal(encodeDer(derInteger(0, 1000), 128).toString('hex'), '02020080');
  assert.equal(encodeDer(derTagged(0, derOctets(1)), Buffer.from([7])).toString('hex'), 'a003040107');
  assert.equal(encodeDer(derText(9), 'é').toString('hex'), '0c02c3a9');
});
