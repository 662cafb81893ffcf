import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { createClient, type HttpClient, loadTls, NBSP_GBA_PATH, parseJson } from '../../src/http/index.ts';
import { bsfOf, hssOf, type Lab, NAMES } from '../../src/lab/index.ts';
import { withLab } from '../support/lab.ts';
import { snapshotOf } from './snapshot.ts';

type Members = Readonly<Record<string, unknown>>;
/** Server, who may ask it, resource, and a body of the right shape. */
type Endpoint = readonly [server: string, as: string, method: string, path: string, body: Members];

const HEX = 'ab'.repeat(32);
const IMPI = 'somebody@ims.mnc001.mcc001.3gppnetwork.org';
const ENDPOINTS: readonly Endpoint[] = [
  [
    NAMES.oldSho,
    NAMES.owner,
    'POST',
    '/owner/v1/releases',
    { m2meId: 'm2me-x', newSho: { id: 'sho-b.test', keyHashes: [HEX] }, roId: 'ro.test', validitySeconds: 60 },
  ],
  [NAMES.oldSho, NAMES.owner, 'POST', `/owner/v1/releases/${'ab'.repeat(16)}/consent`, { signature: 'AAAA' }],
  [
    NAMES.newSho,
    NAMES.owner,
    'POST',
    '/owner/v1/orders',
    { m2meId: 'm2me-x', roId: NAMES.ro, pvaId: NAMES.pva, algorithms: ['milenage'], token: 'AAAA', bothPresent: false },
  ],
  [NAMES.newSho, NAMES.newSho, 'POST', '/operator/v1/preloads', { m2meId: 'm2me-x', treCertificate: 'AAAA' }],
  [NAMES.newSho, NAMES.pva, 'POST', '/pva/v1/results', { orderId: 'x', result: 'AAAA' }],
  [NAMES.newSho, NAMES.ro, 'POST', '/ro/v1/releases', { orderId: 'x', r: HEX }],
  [
    NAMES.newSho,
    NAMES.ro,
    'POST',
    '/ro/v1/results',
    { orderId: 'x', outcome: 'failure', reason: 'x', digest: '0'.repeat(64) },
  ],
  [NAMES.newSho, NAMES.ro, 'POST', '/ro/v1/refusals', { orderId: 'x', reason: 'x' }],
  [
    NAMES.ro,
    NAMES.newSho,
    'POST',
    '/sho/v1/deliveries',
    { orderId: 'x', m2meId: 'm2me-x', boundToken: 'AAAA', digest: HEX, package: 'AAAA' },
  ],
  [NAMES.ro, NAMES.newSho, 'POST', '/sho/v1/registrations', { orderId: 'x', m2meId: 'm2me-x', impi: IMPI }],
  [NAMES.pva, NAMES.newSho, 'POST', '/sho/v1/validations', { orderId: 'x', m2meId: 'm2me-x', nonce: HEX }],
  [
    bsfOf(NAMES.oldSho),
    NAMES.ro,
    'POST',
    NBSP_GBA_PATH,
    { btId: 'AAAAAAAAAAAAAAAAAAAAAA==@x', nafId: { nafFqdn: NAMES.ro, uaSecProtId: '0100000002' } },
  ],
  [
    hssOf(NAMES.oldSho),
    NAMES.oldSho,
    'PUT',
    `/admin/v1/subscribers/${encodeURIComponent(IMPI)}`,
    { impi: IMPI, k: 'ab'.repeat(16), opc: 'ab'.repeat(16), amf: '8000' },
  ],
  [
    hssOf(NAMES.oldSho),
    bsfOf(NAMES.oldSho),
    'POST',
    '/nhss-gba-ueau/v1/impi-nobody/security-information/generate-auth-data',
    { authenticationScheme: 'DIGEST_AKAV1_MD5' },
  ],
];

/** The services of TS 29.309 and TS 29.562 pass over members that they do not know, as TS 29.501 demands. */
const EXTENSIBLE = ['/nbsp-gba/', '/nhss-gba-ueau/'];
const UNKNOWN_MEMBERS = ['__proto__', 'constructor', 'a member too many'];

const withFirst = (body: Members, text: string): string =>
  JSON.stringify(body).replace(/^(\{"[^"]+":)(?:"[^"]*"|\{[^}]*\})/, `$1${text}`);

/** Bodies that two readers could take for two things, or that cost more than they should. */
function corpus(body: Members): readonly (readonly [string, string])[] {
  const text = JSON.stringify(body);
  const [name = ''] = Object.keys(body);
  const more = (member: string) => text.replace(/\}$/, `,${member}}`);
  return [
    ['a name twice', more(`"${name}":"other"`)],
    [
      'a name twice, once escaped',
      more(`"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}":"x"`),
    ],
    ['__proto__', more('"__proto__":{"admin":true}')],
    ['constructor', more('"constructor":{"prototype":{"admin":true}}')],
    ['a member too many', more('"admin":true')],
    ['a number past the doubles', withFirst(body, '1e400')],
    ['a number past the integers', withFirst(body, '9007199254740993')],
    ['a lone high surrogate', withFirst(body, '"m\\ud800"')],
    ['a lone low surrogate', withFirst(body, '"\\udc00m"')],
    ['surrogates the wrong way round', withFirst(body, '"\\udc00\\ud800"')],
    ['a surrogate as UTF-8', withFirst(body, '"\u0001"').replace('\u0001', '\\uD9FF')],
    ['depth', withFirst(body, '['.repeat(40) + ']'.repeat(40))],
    ['a list of itself', `[${text}]`],
    ['nothing', ''],
    ['null', 'null'],
    ['a text', '"x"'],
    ['a BOM', `\ufeff${text}`],
    ['a comment', text.replace('{', '{/* */')],
    ['a comma at the end', text.replace(/\}$/, ',}')],
    ['single quotes', text.replaceAll('"', "'")],
    ['NaN', withFirst(body, 'NaN')],
    ['octets behind', `${text}{}`],
    ['a control character', withFirst(body, '"a\u0000"')],
  ];
}

const portsOf = (lab: Lab): Map<string, number> => {
  const all = [...lab.plan.sho, lab.plan.ro, lab.plan.pva].map(({ id, sbi }) => [id, sbi.port] as const);
  const named = [...lab.plan.bsf, ...lab.plan.hss].map(({ name, sbi }) => [name, sbi.port] as const);
  return new Map([...all, ...named]);
};

test('every endpoint that takes JSON: two-faced and costly bodies are refused by name and change nothing', async () => {
  await withLab(async ({ lab }) => {
    const ports = portsOf(lab);
    await Promise.all([...lab.machines.values()].map((machine) => machine.close()));
    for (const [server, as, method, path, body] of ENDPOINTS) {
      const url = `https://127.0.0.1:${ports.get(server)}`;
      const client: HttpClient = createClient({ url, serverName: server, tls: loadTls(await lab.pki.tls(as)) });
      const send = (text: string) => client.send(method, path, { bytes: Buffer.from(text), type: 'application/json' });
      const plain = await send(JSON.stringify(body));
      const before = await snapshotOf(lab);
      for (const [what, text] of corpus(body)) {
        const answer = await send(text);
        if (UNKNOWN_MEMBERS.includes(what) && EXTENSIBLE.some((prefix) => path.startsWith(prefix))) {
          assert.deepEqual([answer.status, answer.body], [plain.status, plain.body], `${path}, ${what}`);
          continue;
        }
        assert.ok(['json-invalid', 'INVALID_MSG_FORMAT'].includes(answer.cause()), `${path}, ${what}: ${answer.body}`);
        assert.equal(answer.status, 400);
      }
      client.close();
      assert.deepEqual(await snapshotOf(lab), before);
    }
    assert.equal('admin' in {}, false);
  });
});

test('lone surrogates are refused wherever they stand, pairs and texts that look like them are not', () => {
  const read = (text: string): unknown => parseJson(Buffer.from(text), z.unknown());
  for (const text of ['"\\ud800"', '["a",{"b":"\\uDFFF"}]', '{"\\ud800":1}', '"\\ud83d\\u0041"']) {
    assert.throws(() => read(text), { code: 'json-invalid' }, text);
  }
  for (const text of ['"\\ud83d\\ude00"', '"\\\\ud800"', '"\u{1f600}"']) assert.equal(read(text), JSON.parse(text));
});
