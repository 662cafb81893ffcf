import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxySchema } from '../../../src/naf/index.ts';
import { assertionsOf } from '../../../src/naf/proxy/assertions.ts';
import { answerHeaders, cameThrough, requestHeaders } from '../../../src/naf/proxy/headers.ts';
import { upstreamPath } from '../../../src/naf/proxy/target.ts';

const HOP = { fqdn: 'naf.test', httpVersion: '1.1', clientAddress: '::1', secure: true, host: 'up:1', body: undefined };
const ASSERTIONS = new Map([['x-3gpp-asserted-identity', '"a@b"']]);
const forwarded = (raw: string[]) => Object.fromEntries(requestHeaders(raw, HOP, ASSERTIONS));
const OURS = {
  host: ['up:1'],
  via: ['1.1 naf.test'],
  forwarded: ['for="[::1]";host=naf.test;proto=https'],
  'x-3gpp-asserted-identity': ['"a@b"'],
};

test('what only the proxy may say is dropped in every spelling that a server could take for it', () => {
  const names = [
    'X-3GPP-Asserted-Identity',
    'x-3gpp-asserted-identity',
    'X-3GPP-ASSERTED-IDENTITY',
    'X_3GPP_Asserted_Identity',
    'X-3GPP_Asserted-Identity',
    'X.3gpp.asserted.identity',
    "X'3gpp!asserted~identity",
    'X-3GPP-Authorization-Flags',
    'x_3gpp_authorization_flags',
    'X-3GPP-Intended-Identity',
    'Authorization',
    'AUTHORIZATION',
    'Proxy-Authorization',
    'Proxy_Authorization',
    'Forwarded',
    'X-Forwarded-For',
    'X_Forwarded_User',
    'Host',
    'Content_Length',
  ];
  for (const name of names) assert.deepEqual(forwarded([name, '"evil"', name, '"evil"']), OURS, name);
});

test('hop-by-hop fields and those that Connection names stay on this hop; it cannot take away what the proxy says', () => {
  const raw = ['Connection', 'keep-alive, X-Private , X-3GPP-Asserted-Identity,via,host', 'connection', 'Forwarded'];
  const more = [
    'X-Private',
    '1',
    'x-private',
    '2',
    'Keep-Alive',
    '1',
    'TE',
    'trailers',
    'Trailer',
    'x',
    'Upgrade',
    'h2c',
  ];
  const kept = [
    'Proxy-Connection',
    'x',
    'Transfer-Encoding',
    'chunked',
    'Accept',
    '*/*',
    'Cookie',
    'a=1',
    'cookie',
    'b=2',
  ];
  assert.deepEqual(forwarded([...raw, ...more, ...kept]), { accept: ['*/*'], cookie: ['a=1', 'b=2'], ...OURS });
  assert.deepEqual(Object.fromEntries(answerHeaders([...more, ...kept, 'Connection', 'Cookie'], HOP)), {
    'x-private': ['1', '2'],
    accept: ['*/*'],
    via: ['1.1 naf.test'],
  });
});

test('the server behind does not speak for the proxy: no Authentication-Info, no challenge, no caching', () => {
  const raw = [
    'Authentication-Info',
    'rspauth="x"',
    'WWW-Authenticate',
    'Basic',
    'Cache-Control',
    'public',
    'Expires',
    '0',
  ];
  assert.deepEqual(
    Object.fromEntries(answerHeaders([...raw, 'Set-Cookie', 'a', 'Set-Cookie', 'b', 'Via', '1.0 x'], HOP)),
    {
      'set-cookie': ['a', 'b'],
      via: ['1.0 x, 1.1 naf.test'],
    },
  );
});

test('a header by the name of a prototype is a header', () => {
  assert.deepEqual(requestHeaders(['__proto__', 'x', 'constructor', 'y'], HOP, new Map()).get('__proto__'), ['x']);
});

test('Via is added to, and tells a loop', () => {
  assert.deepEqual(forwarded(['Via', '1.0 a', 'via', '1.1 b (x)'])['via'], ['1.0 a, 1.1 b (x), 1.1 naf.test']);
  for (const via of ['1.1 naf.test', '1.1 a, HTTP/1.1\tNAF.test (x)', '1.0 a,1.1  naf.test']) {
    assert.equal(cameThrough(via, 'naf.test'), true, via);
  }
  for (const via of [undefined, '', 'naf.test', '1.1 xnaf.test', '1.1 naf.test.evil']) {
    assert.equal(cameThrough(via, 'naf.test'), false, String(via));
  }
});

test('paths: below the prefix and nowhere else', () => {
  const fine: [string, string, string][] = [
    ['/', '', '/'],
    ['/a/b?c=/../d', '', '/a/b?c=/../d'],
    ['/a', '/app', '/app/a'],
    ['http://evil.test/a?b', '/app', '/app/a?b'],
    ['https://evil.test', '/app', '/app/'],
    ['http://evil.test?x', '', '/?x'],
    ['/.well-known/x', '/app', '/app/.well-known/x'],
    ['/..a/b..', '/app', '/app/..a/b..'],
    ['/a//b', '', '/a//b'],
  ];
  for (const [target, prefix, path] of fine) assert.equal(upstreamPath(target, prefix), path, target);
  const refused = [
    '*',
    'x',
    '//evil',
    '/..',
    '/../a',
    '/a/..',
    '/a/./b',
    '/%2e%2E/a',
    '/a/.%2e',
    '/a%2f..%2fb',
    '/..;/a',
  ];
  for (const target of [
    ...refused,
    '/a\\..\\b',
    '/a#b',
    '/a\tb',
    '/a b',
    '/a%5c..',
    'http://x/../a',
    'evil.test:443',
  ]) {
    assert.throws(() => upstreamPath(target, '/app'), { code: 'not-found' }, target);
  }
});

const uss = (gsId: number, ueIds: string[], flags?: number[]) => ({
  gsId,
  gsType: 0,
  ueIds: ueIds.map((ueId) => ({ ueId })),
  ...(flags !== undefined && { flags: flags.map((flag) => ({ flag })) }),
});
const identity = (more: object = {}) => ({ btid: 'QQ==@bsf', impi: 'a@b', keyExpiry: 1, ...more });

test('nothing to assert is no request; what no header can carry is refused', () => {
  const forbidden = { code: 'forbidden' };
  assert.throws(() => assertionsOf(identity({ impi: undefined }), 'impi'), forbidden);
  assert.throws(() => assertionsOf(identity(), 'identities'), forbidden);
  assert.throws(() => assertionsOf(identity({ uss: [uss(1, ['x'])] }), 'identities', '"y"'), forbidden);
  assert.throws(() => assertionsOf(identity({ impi: 'a@b\r\nX: y' }), 'impi'), forbidden);
  assert.throws(() => assertionsOf(identity({ uss: [uss(1, ['a\u0085b'])] }), 'identities'), forbidden);
});

test('identities and flags are lists of quoted strings', () => {
  const both = [uss(1, ['sip:a@x', 'tel:+1'], [1, 2]), uss(2, ['tel:+1', 'q"\\,ü'], [2])];
  const of = (...args: Parameters<typeof assertionsOf>) => Object.fromEntries(assertionsOf(...args));
  assert.deepEqual(of(identity({ uss: both }), 'identities'), {
    'x-3gpp-asserted-identity': '"sip:a@x", "tel:+1", "q\\"\\\\,Ã¼"',
    'x-3gpp-authorization-flags': '"1", "2"',
  });
  assert.deepEqual(of(identity({ uss: both }), 'identities', '"tel:+1"')['x-3gpp-asserted-identity'], '"tel:+1"');
  assert.deepEqual(of(identity(), 'impi', 'whatever'), { 'x-3gpp-asserted-identity': '"a@b"' });
  assert.deepEqual(of(identity({ impi: undefined }), 'btid'), { 'x-3gpp-asserted-identity': '"QQ==@bsf"' });
});

test('configuration: an address, and nothing but', () => {
  for (const upstream of ['http://127.0.0.1:8000', 'https://as.test/app/', 'http://[::1]:80']) {
    assert.ok(proxySchema.safeParse({ upstream }).success, upstream);
  }
  for (const upstream of ['ftp://x', 'x', 'http://u:p@x', 'http://x/?a', 'http://x/#a', 'file:///etc', '//x', '']) {
    assert.equal(proxySchema.safeParse({ upstream }).success, false, upstream);
  }
  for (const more of [{ assert: 'all' }, { timeoutSeconds: 0 }, { maxBodyBytes: -1 }, { strip: [] }]) {
    assert.equal(proxySchema.safeParse({ upstream: 'http://x', ...more }).success, false);
  }
});
