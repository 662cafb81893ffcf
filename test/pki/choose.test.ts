import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pkiConfigSchema } from '../../src/pki/config.ts';
import { type Asked, choose } from '../../src/pki/procedures/choose.ts';
import type { IssuedRecord } from '../../src/pki/records.ts';

const NOW = 1_000_000;
const asked: Asked = { spkiSha256: 'k1', authority: 'ca', now: NOW, notAfter: NOW + 100, renewMs: 30, maxKeys: 2 };
const record = (change: Partial<IssuedRecord> = {}): IssuedRecord => ({
  v: 1,
  serial: '01',
  subject: 'm2me-0001',
  impi: 'a@b',
  authority: 'ca',
  spkiSha256: 'k1',
  notBefore: 0,
  notAfter: NOW + 50,
  issuedAt: 0,
  der: '',
  ...change,
});

test('the same key gets what it has, the one that lasts longest', () => {
  const longest = record({ serial: '02', notAfter: NOW + 80 });
  assert.deepEqual(choose([record(), longest], asked), { kind: 'return', record: longest });
});

test('it gets the next one when that is due, and none that ends no later', () => {
  const due = record({ notAfter: NOW + 30 });
  assert.equal(choose([due], asked).kind, 'issue');
  assert.equal(choose([record({ notAfter: NOW + 31 })], asked).kind, 'return');
  // The end of the authority is the end of both.
  assert.equal(choose([due], { ...asked, notAfter: NOW + 30 }).kind, 'return');
});

test('another key gets its own until there are too many; renewal takes no place', () => {
  const other = record({ spkiSha256: 'k2' });
  const third = record({ spkiSha256: 'k3' });
  assert.equal(choose([], asked).kind, 'issue');
  assert.equal(choose([other, other], asked).kind, 'issue');
  assert.deepEqual(choose([other, third], asked), { kind: 'refuse', code: 'too-many-keys' });
  assert.equal(choose([other, third, record({ notAfter: NOW + 10 })], asked).kind, 'issue');
});

test('what another authority issued serves nobody here', () => {
  const former = { authority: 'former' };
  assert.equal(choose([record(former)], asked).kind, 'issue');
  const full = [record({ ...former, spkiSha256: 'k2' }), record({ ...former, spkiSha256: 'k3' })];
  assert.equal(choose(full, asked).kind, 'issue');
});

const tls = { cert: 'a', key: 'b', ca: 'c' };
const minimal = {
  fqdn: 'pki.test',
  ua: { port: 0 },
  tls,
  zn: [{ bsf: 'bsf.test', peer: { url: 'https://127.0.0.1:1', serverName: 'bsf.test' } }],
  authority: { cert: 'a', key: 'b' },
  subscribers: [{ impi: 'a@b', subjects: ['m2me-0001'] }],
  crlFile: 'list.pem',
  store: { driver: 'memory' },
};

test('configurations that would not serve are refused', () => {
  assert.deepEqual(pkiConfigSchema.parse(minimal).paths, {
    enrol: '/enrol',
    authority: '/getcertificate',
    crl: '/crl',
  });
  const refused = (change: object) => assert.equal(pkiConfigSchema.safeParse({ ...minimal, ...change }).success, false);
  refused({ certificateSeconds: 3600 });
  refused({ certificateSeconds: 3600, renewSeconds: 3600 });
  refused({ paths: { enrol: '/crl' } });
  refused({ paths: { enrol: 'enrol' } });
  refused({ paths: { enrol: '/:id' } });
  refused({ subscribers: [...minimal.subscribers, { impi: 'a@b', subjects: ['m2me-0002'] }] });
  refused({ subscribers: [...minimal.subscribers, { impi: 'c@d', subjects: ['m2me-0001'] }] });
  refused({ subscribers: [{ impi: 'a@b', subjects: ['x'.repeat(65)] }] });
  refused({ crlSeconds: 31 * 86_400 });
  refused({ keyFile: 'unknown' });
});
