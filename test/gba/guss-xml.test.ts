import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GbaError } from '../../src/base/index.ts';
import { buildGuss, buildUssList, type Guss, parseGuss, parseUssList } from '../../src/gba/index.ts';

const IMPI = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';
const NS = 'urn:3gpp:gba:GBAGUSSSchema-R9:2010-02';
const USS = [
  { uss: { gsId: 1, gsType: 1, ueIds: [{ ueId: 'sip:a&b@home.test' }], flags: [{ flag: 1 }] } },
  { uss: { gsId: 7, gsType: 0, ueIds: [{ ueId: 'tel:+1' }, { ueId: 'sip:c@home.test' }], nafGroup: 'other' } },
];
const GUSS: Guss = { bsfInfo: { uiccType: 'GBA_U', lifeTime: 3600 }, ussList: USS };
const USS_XML = '<uss id="1" type="1"><uids><uid>a</uid></uids></uss>';

const peer = (text: string) => parseGuss(Buffer.from(text), { unknown: 'ignore' });
const typed = (text: string) => parseGuss(Buffer.from(text), { unknown: 'refuse' });
const wrap = (inside: string, attributes = ' id="a@b"') => `<guss${attributes}>${inside}</guss>`;
const uss = (inside: string, attributes = 'id="1" type="1"') =>
  wrap(`<ussList><uss ${attributes}>${inside}</uss></ussList>`);
const uids = '<uids><uid>a</uid></uids>';

test('attacks by XML are refused: DTD, entities, depth, size, encodings, duplicates, comments inside values', () => {
  const bomb = '<!DOCTYPE guss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>';
  const refused: Record<string, string> = {
    'a DTD with entities': `${bomb}<guss id="&b;"/>`,
    'a DTD with an external subset': '<!DOCTYPE guss SYSTEM "file:///etc/passwd"><guss/>',
    'an external entity':
      '<!DOCTYPE guss [<!ENTITY x SYSTEM "file:///etc/passwd">]><guss><ussList>&x;</ussList></guss>',
    'an entity that nobody has declared': uss('<uids><uid>&nbsp;</uid></uids>'),
    'a stylesheet': `<?xml-stylesheet href="x"?>${wrap('')}`,
    'an instruction inside': wrap('<?php x?>'),
    CDATA: uss('<uids><uid><![CDATA[a]]></uid></uids>'),
    'another encoding': `<?xml version="1.0" encoding="UTF-7"?>${wrap('')}`,
    'too deep': `${'<guss>'.repeat(20)}${'</guss>'.repeat(20)}`,
    'too many elements': wrap('<x/>'.repeat(5000)),
    'too many octets': wrap(' '.repeat(200_000)),
    'an attribute twice': '<guss id="a" id="b"/>',
    'one attribute under two prefixes': '<guss xmlns:p="u:a" xmlns:q="u:a" p:x="1" q:x="2"/>',
    'bsfInfo twice': wrap('<bsfInfo/><bsfInfo/>'),
    'uids twice': uss(uids + uids),
    'a lifetime twice': wrap('<bsfInfo><lifeTime>1</lifeTime><lifeTime>2</lifeTime></bsfInfo>'),
    'one service twice': wrap(`<ussList>${USS_XML}${USS_XML}</ussList>`),
    'one service twice in a group': wrap(
      `<ussList>${USS_XML.replace('type', 'nafGroup="g" type').repeat(2)}</ussList>`,
    ),
    'an unknown namespace': '<guss xmlns="urn:evil"/>',
    'a namespace that only begins like it': `<guss xmlns="${NS} x"/>`,
    'a prefix that is not declared': '<g:guss/>',
    'a comment that cuts a value': uss('<uids><uid>sip:a<!-- -->@home.test</uid></uids>'),
    'an element in a value': uss('<uids><uid>a<b/></uid></uids>'),
    'text between elements': wrap('x<ussList/>'),
    'two roots': '<guss/><guss/>',
    'something behind the root': '<guss/>x',
    'a character that XML cannot carry': uss('<uids><uid>&#0;</uid></uids>'),
  };
  for (const [why, text] of Object.entries(refused)) {
    assert.throws(() => peer(text), { code: 'guss-invalid' }, why);
    assert.throws(() => typed(text), { code: 'guss-invalid' }, why);
  }
});

test('what is no GUSS is refused', () => {
  const refused = [
    '',
    'x',
    '<guss>',
    '<ussList/>',
    wrap('<bsfInfo><lifeTime>soon</lifeTime></bsfInfo>'),
    wrap('<bsfInfo><lifeTime>0</lifeTime></bsfInfo>'),
    wrap('<bsfInfo><lifeTime>4294967296</lifeTime></bsfInfo>'),
    uss(''),
    uss('<uids/>'),
    uss('<uids><uid/></uids>'),
    uss('<uids><uid>a\nb</uid></uids>'),
    uss(`<uids><uid>${'a'.repeat(256)}</uid></uids>`),
    uss(uids, 'id="-1" type="1"'),
    uss(uids, 'id="1.5" type="1"'),
    uss(uids, 'id="0x1" type="1"'),
    uss(uids, 'type="1"'),
    uss(uids, 'id="1"'),
    uss(uids, 'id="1" type="1" nafGroup=""'),
    uss(`${uids}<flags><flag>yes</flag></flags>`),
    wrap('<Extension><timestamp>2008-09-10T11:12:13</timestamp></Extension>'),
    wrap('<Extension><timestamp>yesterday</timestamp></Extension>'),
  ];
  for (const text of refused) assert.throws(() => peer(text), { code: 'guss-invalid' }, text.slice(0, 80));
  assert.throws(() => parseGuss(Buffer.from([0x3c, 0xff]), { unknown: 'ignore' }), { code: 'guss-invalid' });
  assert.throws(() => parseUssList(buildGuss(IMPI, {}), { unknown: 'ignore' }), { code: 'guss-invalid' });
  assert.throws(() => buildGuss('a\u0000b', {}), { code: 'guss-invalid' });
});

test('a refusal says where, and not what stood there', () => {
  const text = wrap(
    `\n<ussList>\n${USS_XML}\n<uss id="2" type="1"><uids><uid>secret\u0001</uid></uids></uss></ussList>`,
  );
  const places: [string, RegExp][] = [
    [text.replace('\u0001', '&#x1f;'), /at line 4, .*not well-formed/],
    [text.replace('secret\u0001', ''), /at line 4, guss\/ussList\/uss\[2\]\/uids\/uid: empty/],
    [text.replace('id="2"', 'id="secret"').replace('\u0001', ''), /guss\/ussList\/uss\[2\]: the attribute id is not/],
    [wrap('<bsfInfo><uicType>GBA</uicType></bsfInfo>'), /line 1, guss\/bsfInfo\/uicType: an element that/],
  ];
  for (const [one, expected] of places) {
    assert.throws(
      () => typed(one),
      (error: Error) => {
        assert.match(error.message, expected);
        assert.equal(error.message.includes('secret'), false);
        return true;
      },
    );
  }
});

test('what somebody typed must be of the schema throughout; what a peer sends may be of a later one', () => {
  const later = [
    wrap('<new/>'),
    wrap('', ' id="a@b" new="1"'),
    wrap('<ussList><new/></ussList>'),
    uss(`${uids}<new/>`),
    uss(uids, 'id="1" type="1" nafgroup="x"'),
    wrap('<bsfInfo><uiccType>GBA_V</uiccType></bsfInfo>'),
    uss(`${uids}<keyChoice>WHATEVER</keyChoice>`),
    wrap('', ''),
    wrap('<x:bsfInfo xmlns:x="u:x"/>'),
    '<guss id="a@b" xmlns:x="u:x" x:id="b"/>',
  ];
  for (const text of later) {
    peer(text);
    assert.throws(() => typed(text), { code: 'guss-invalid' }, text);
  }
  typed(wrap('<Extension><anything><at><all/></at></anything></Extension>'));
  typed('<guss id="a" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="x"/>');
});

test('names of a foreign namespace are never taken for ours', () => {
  const evil = '<x:uss xmlns:x="urn:evil" id="9" type="1"><x:uids><x:uid>e</x:uid></x:uids></x:uss>';
  assert.deepEqual(peer(wrap(`<ussList>${evil}${USS_XML}</ussList>`)).guss.ussList?.length, 1);
  const inside = `<uss id="1" type="1"><uids><uid>a</uid></uids><flags xmlns="urn:evil"><flag>1</flag></flags></uss>`;
  assert.equal(peer(wrap(`<ussList>${inside}</ussList>`)).guss.ussList?.[0]?.uss.flags, undefined);
  const back = `<x:y xmlns:x="urn:evil"><ussList xmlns="${NS}">${USS_XML}</ussList></x:y>`;
  assert.deepEqual(peer(`<guss xmlns="${NS}">${back}</guss>`).guss, {});
  const mixed = `<guss xmlns="${NS}"><ussList xmlns="">${USS_XML}</ussList></guss>`;
  assert.deepEqual(peer(mixed).guss, {});
});

test('fixed text: order of the schema, default namespace, references where XML needs them', () => {
  assert.equal(
    buildGuss(IMPI, { ...GUSS, ussList: USS.slice(0, 1) }, Date.UTC(2008, 8, 10, 11, 12, 13, 500)).toString(),
    `<?xml version="1.0" encoding="UTF-8"?>\n<guss id="${IMPI}" xmlns="${NS}">` +
      '<bsfInfo><uiccType>GBA_U</uiccType><lifeTime>3600</lifeTime></bsfInfo>' +
      '<Extension><timestamp>2008-09-10T11:12:13Z</timestamp></Extension><ussList><uss id="1" type="1"><uids>' +
      '<uid>sip:a&amp;b@home.test</uid></uids><flags><flag>1</flag></flags></uss></ussList></guss>\n',
  );
});

test('what is built is read, by the strict reader too', () => {
  const timestamp = Date.UTC(2027, 0, 1);
  for (const unknown of ['ignore', 'refuse'] as const) {
    assert.deepEqual(parseGuss(buildGuss(IMPI, GUSS, timestamp), { unknown }), { guss: GUSS, impi: IMPI, timestamp });
    assert.deepEqual(parseGuss(buildGuss(IMPI, {}), { unknown }), { guss: { ussList: [] }, impi: IMPI });
    assert.deepEqual(parseUssList(buildUssList(USS), { unknown }), USS);
    const choice = [{ uss: { gsId: 2, gsType: 2, ueIds: [{ ueId: 'x' }], keyChoice: 'ME_BASED_KEY' } }];
    assert.deepEqual(parseUssList(buildUssList(choice), { unknown }), choice);
  }
});

test('key choices are read in either spelling', () => {
  const read = (text: string) => typed(uss(`${uids}<keyChoice>${text}</keyChoice>`)).guss.ussList?.[0]?.uss.keyChoice;
  assert.equal(read('ME-based-key'), 'ME_BASED_KEY');
  assert.equal(read('UICC-based-key'), 'UICC_BASED_KEY');
  assert.equal(read('ME_UICC_BASED_KEYS'), 'ME_UICC_BASED_KEYS');
});

test('as others write it: a prefix, empty flags, elements nobody knows, any order inside uss, a zone', () => {
  const text =
    `<?xml version="1.0" encoding="utf-8"?><g:guss xmlns:g="${NS}" id="u"><g:Extension><g:timestamp>` +
    '2008-09-10T13:12:13+02:00</g:timestamp></g:Extension><g:bsfInfo><g:lifeTime> 86400 </g:lifeTime><g:new/></g:bsfInfo>' +
    '<g:ussList><!-- one --><g:uss id="1" type="4" x="y"><g:flags/><g:uids><g:uid>a</g:uid></g:uids></g:uss></g:ussList></g:guss>';
  const guss = { bsfInfo: { lifeTime: 86_400 }, ussList: [{ uss: { gsId: 1, gsType: 4, ueIds: [{ ueId: 'a' }] } }] };
  const read = { guss, impi: 'u', timestamp: Date.UTC(2008, 8, 10, 11, 12, 13) };
  assert.deepEqual(peer(text), read);
  assert.deepEqual(peer(text.replace('-R9:2010-02', ':2004')), read, 'another release');
});

test("FHoSS's form: no namespace, no timestamp, id and type alike, every IMPU a uid, empty flags", () => {
  const text =
    '<?xml version="1.0" encoding="UTF-8"?>\n<guss id="alice@open-ims.test"><bsfInfo><uiccType>GBA</uiccType>' +
    '<lifeTime>3600</lifeTime></bsfInfo><ussList><uss id="1" type="1" nafGroup="A"><uids><uid>sip:alice@open-ims.test' +
    '</uid><uid>tel:+4930123</uid></uids><flags><flag>1</flag><flag>2</flag></flags></uss>' +
    '<uss id="4" type="4"><uids><uid>sip:alice@open-ims.test</uid></uids><flags></flags></uss></ussList></guss>';
  assert.deepEqual(peer(text), {
    impi: 'alice@open-ims.test',
    guss: {
      bsfInfo: { uiccType: 'GBA', lifeTime: 3600 },
      ussList: [
        {
          uss: {
            gsId: 1,
            gsType: 1,
            nafGroup: 'A',
            ueIds: [{ ueId: 'sip:alice@open-ims.test' }, { ueId: 'tel:+4930123' }],
            flags: [{ flag: 1 }, { flag: 2 }],
          },
        },
        { uss: { gsId: 4, gsType: 4, ueIds: [{ ueId: 'sip:alice@open-ims.test' }] } },
      ],
    },
  });
});

test('mutated settings are read or refused by type', () => {
  const seed = buildGuss(IMPI, GUSS, 0);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (edits, strict) => {
        const octets = Buffer.from(seed);
        for (const [at, value] of edits) octets[at] = value;
        try {
          parseGuss(octets, { unknown: strict ? 'refuse' : 'ignore' });
        } catch (error) {
          if (!(error instanceof GbaError) || error.code !== 'guss-invalid') throw error;
        }
      },
    ),
    { numRuns: 5_000 },
  );
});
