import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GbaError } from '../../../src/base/index.ts';
import { buildGuss, buildUssList, type GussFields, parseGuss, parseUssList } from '../../../src/diameter/index.ts';
import { IMPI, USS } from '../lab.ts';

const GUSS: GussFields = { bsfInfo: { uiccType: 'GBA_U', lifeTime: 3600 }, ussList: USS };
const parse = (text: string) => parseGuss(Buffer.from(text));

test('what is no GUSS is refused', () => {
  const refused = [
    '',
    'x',
    '<guss>',
    '<ussList/>',
    '<!DOCTYPE guss [<!ENTITY e "x">]><guss id="a">&e;</guss>',
    '<guss><bsfInfo><lifeTime>soon</lifeTime></bsfInfo></guss>',
    '<guss><bsfInfo><lifeTime>0</lifeTime></bsfInfo></guss>',
    '<guss><bsfInfo><lifeTime>4294967296</lifeTime></bsfInfo></guss>',
    '<guss><bsfInfo/><bsfInfo/></guss>',
    '<guss><ussList><uss id="1" type="1"/></ussList></guss>',
    '<guss><ussList><uss id="-1" type="1"><uids><uid>a</uid></uids></uss></ussList></guss>',
    '<guss><ussList><uss type="1"><uids><uid>a</uid></uids></uss></ussList></guss>',
    `${'<guss>'.repeat(20)}${'</guss>'.repeat(20)}`,
    `<guss>${'<x/>'.repeat(5000)}</guss>`,
  ];
  for (const text of refused) assert.throws(() => parse(text), { code: 'guss-invalid' }, text.slice(0, 80));
  assert.throws(() => parseGuss(Buffer.from([0x3c, 0xff])), { code: 'guss-invalid' });
  assert.throws(() => parseUssList(buildGuss(IMPI, {})), { code: 'guss-invalid' });
  assert.throws(() => buildGuss('a\u0000b', {}), { code: 'guss-invalid' });
});

test('fixed text: order of the schema, default namespace, references where XML needs them', () => {
  assert.equal(
    buildGuss(IMPI, { ...GUSS, ussList: USS.slice(0, 1) }).toString(),
    `<?xml version="1.0" encoding="UTF-8"?>\n<guss id="${IMPI}" xmlns="urn:3gpp:gba:GBAGUSSSchema-R9:2010-02">` +
      '<bsfInfo><uiccType>GBA_U</uiccType><lifeTime>3600</lifeTime></bsfInfo><ussList><uss id="1" type="1"><uids>' +
      '<uid>sip:a&amp;b@home.test</uid></uids><flags><flag>1</flag></flags></uss></ussList></guss>\n',
  );
});

test('what is built is read', () => {
  assert.deepEqual(parseGuss(buildGuss(IMPI, GUSS)), GUSS);
  assert.deepEqual(parseGuss(buildGuss(IMPI, {})), { ussList: [] });
  assert.deepEqual(parseUssList(buildUssList(USS)), USS);
  const choice = [{ uss: { gsId: 2, gsType: 2, ueIds: [{ ueId: 'x' }], keyChoice: 'ME_BASED_KEY' } }];
  assert.deepEqual(parseUssList(buildUssList(choice)), choice);
});

test('as others write it: no namespace, a prefix, empty flags, elements nobody knows, any order inside uss', () => {
  const text =
    '<?xml version="1.0" encoding="UTF-8"?><g:guss xmlns:g="urn:x" id="u"><g:Extension><g:timestamp>2008-09-10T11:12:13Z' +
    '</g:timestamp></g:Extension><g:bsfInfo><g:lifeTime> 86400 </g:lifeTime><g:new/></g:bsfInfo><g:ussList>' +
    '<g:uss id="1" type="4" x="y"><g:flags/><g:uids><g:uid>a</g:uid></g:uids></g:uss></g:ussList></g:guss>';
  const read = { bsfInfo: { lifeTime: 86_400 }, ussList: [{ uss: { gsId: 1, gsType: 4, ueIds: [{ ueId: 'a' }] } }] };
  assert.deepEqual(parse(text), read);
  assert.deepEqual(parse(text.replaceAll('g:', '').replace('xmlns:g="urn:x"', '')), read);
});

test('mutated settings are read or refused by type', () => {
  const seed = buildGuss(IMPI, GUSS);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }), (edits) => {
      const octets = Buffer.from(seed);
      for (const [at, value] of edits) octets[at] = value;
      try {
        parseGuss(octets);
      } catch (error) {
        if (!(error instanceof GbaError) || error.code !== 'guss-invalid') throw error;
      }
    }),
    { numRuns: 5_000 },
  );
});
