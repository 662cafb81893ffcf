import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { buildBootstrappingInfo, parseBootstrappingInfo, parseUtc } from '../../src/http/index.ts';

const BTID = 'AAECAwQFBgcICQoLDA0ODw==@bsf.mnc001.mcc001.pub.3gppnetwork.org';
const body = buildBootstrappingInfo({ btid: BTID, lifetime: Date.UTC(2027, 0, 2) });
const inRoot = (inner: string) => Buffer.from(`<BootstrappingInfo xmlns="uri:3gpp-gba">${inner}</BootstrappingInfo>`);
const GOOD = `<btid>${BTID}</btid><lifetime>2027-01-02T00:00:00Z</lifetime>`;

test('the body of the worked example has its published octets', () => {
  assert.equal(body.length, 219);
  assert.equal(createHash('md5').update(body).digest('hex'), '0d518c15dcb51be2a4631b0b3fbfcab8');
  assert.deepEqual(parseBootstrappingInfo(body), { btid: BTID, lifetime: Date.UTC(2027, 0, 2) });
});

test('DTDs, entities, CDATA, other roots and namespaces, doubles and wrong dates are refused', () => {
  const bad: Record<string, Buffer> = {
    dtd: Buffer.from(`<!DOCTYPE x><BootstrappingInfo xmlns="uri:3gpp-gba">${GOOD}</BootstrappingInfo>`),
    bomb: Buffer.from(
      `<!DOCTYPE x [<!ENTITY a "b">]><BootstrappingInfo xmlns="uri:3gpp-gba">${GOOD}</BootstrappingInfo>`,
    ),
    entity: inRoot(GOOD.replace('bsf.', 'bsf&#46;')),
    cdata: inRoot(`<btid><![CDATA[${BTID}]]></btid><lifetime>2027-01-02T00:00:00Z</lifetime>`),
    root: Buffer.from(`<Info xmlns="uri:3gpp-gba">${GOOD}</Info>`),
    namespace: Buffer.from(`<BootstrappingInfo>${GOOD}</BootstrappingInfo>`),
    twice: inRoot(GOOD + GOOD),
    'no lifetime': inRoot(`<btid>${BTID}</btid>`),
    'no btid': inRoot('<lifetime>2027-01-02T00:00:00Z</lifetime>'),
    nested: inRoot(`<btid><b>${BTID}</b></btid><lifetime>2027-01-02T00:00:00Z</lifetime>`),
    'no zone': inRoot(GOOD.replace('00Z', '00')),
    'no such day': inRoot(GOOD.replace('01-02', '02-30')),
    'not XML': Buffer.from('{"btid":1}'),
    'cut off': body.subarray(0, 150),
    'two roots': Buffer.concat([body, body]),
    'not UTF-8': Buffer.concat([body, Buffer.from([0xff])]),
    empty: Buffer.alloc(0),
    huge: inRoot(GOOD + ' '.repeat(20_000)),
    deep: inRoot(GOOD + '<a>'.repeat(40) + '</a>'.repeat(40)),
  };
  for (const [name, octets] of Object.entries(bad)) {
    assert.throws(() => parseBootstrappingInfo(octets), { code: 'ub-body-invalid' }, name);
  }
});

test('unknown elements and attributes are ignored, a prefix is the same namespace, currenttime is read', () => {
  const octets = Buffer.from(
    `<?xml version="1.0"?><!-- x --><g:BootstrappingInfo xmlns:g="uri:3gpp-gba" new="1"><g:btid> ${BTID} </g:btid>` +
      '<g:lifetime>2027-01-02T00:00:00.5Z</g:lifetime><g:Extension><g:currenttime>2027-01-01T00:00:00Z</g:currenttime>' +
      '<x xmlns="urn:other">y</x></g:Extension></g:BootstrappingInfo>',
  );
  assert.deepEqual(parseBootstrappingInfo(octets), {
    btid: BTID,
    lifetime: Date.UTC(2027, 0, 2) + 500,
    currentTime: Date.UTC(2027, 0, 1),
  });
  const own = buildBootstrappingInfo({ btid: BTID, lifetime: 2_000_000_000_000, currentTime: 1_900_000_000_000 });
  assert.equal(parseBootstrappingInfo(own).currentTime, 1_900_000_000_000);
});

test('only UTC with Z is a time', () => {
  for (const text of ['2027-01-02', '2027-01-02T00:00:00+00:00', '2027-W01', '2027-13-01T00:00:00Z', '']) {
    assert.equal(parseUtc(text), undefined, text);
  }
});
