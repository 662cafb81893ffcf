import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Command } from 'commander';
import { SecretKey, systemRandom } from '../../src/base/index.ts';
import { registerToken } from '../../src/cli/commands/token-inspect.ts';
import { inspectToken } from '../../src/cli/token-inspection.ts';
import { makePackage } from '../../src/mcim/index.ts';
import {
  encodeClaims,
  makeAcknowledgement,
  makeInstruction,
  makeQuote,
  makeRelay,
  makeRelease,
  makeResult,
  makeReturn,
  makeToken,
  makeUnregistration,
  makeValidation,
  narrowToken,
  readToken,
} from '../../src/token/index.ts';
import { type Signer, signCms, toPem } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { EXAMPLE, exampleClaims, exampleKeys, fill } from '../support/claims.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-inspect-'));
const NOW = Date.parse('2027-01-01T12:00:00Z');
const { serial, r } = EXAMPLE;
const key = SecretKey.copyOf(fill(7));
const token = makeToken(exampleClaims(), exampleKeys());
const tag0 = token.subarray(-32).toString('hex');
let signer: Signer;
let tre: Signer;

before(async () => {
  const authority = await makeAuthority('CA');
  signer = await makeSigner('owner.test', authority);
  tre = await makeSigner('m2me-0001', authority, 'encrypt');
});
after(() => rmSync(dir, { recursive: true }));

/** Standard output of `gba token inspect ARGS`. */
async function run(...args: string[]): Promise<string> {
  const program = new Command().exitOverride();
  registerToken(program);
  const { write } = process.stdout;
  let out = '';
  process.stdout.write = ((text: string) => {
    out += text;
    return true;
  }) as typeof process.stdout.write;
  try {
    await program.parseAsync(['token', 'inspect', ...args], { from: 'user' });
  } finally {
    process.stdout.write = write;
  }
  return out;
}

test('a token is shown without tag0, in every form of input and output', async () => {
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const inputs = [
    token.toString('hex'),
    token.toString('base64'),
    file('token.der', token),
    file('token.hex', `${token.toString('hex')}\n`),
    file('token.b64', (token.toString('base64').match(/.{1,64}/g) ?? []).join('\n')),
    file('token.pem', toPem(token, 'GBA TOKEN')),
  ];
  for (const input of inputs) {
    const text = await run(input);
    assert.match(text, /^token\n/);
    assert.match(text, /claims\.newSho\.id +sho-b\.test\n/);
    assert.match(text, /tag0\.fingerprint +[0-9a-f]{8}\n/);
    const json = await run(input, '--json');
    assert.equal(JSON.parse(json).fields.claims.m2meId, 'm2me-0001');
    for (const out of [text, json]) assert.equal(out.includes(tag0.slice(0, 16)), false);
  }
});

test('what is no token is refused by name and never quoted', async () => {
  const refused = async (input: string, code: string) =>
    assert.rejects(run(input), (error: { code?: string; message: string }) => {
      assert.equal(error.code, code);
      assert.equal(error.message.includes(tag0.slice(0, 16)), false);
      return true;
    });
  await refused('no-such-file.der', 'token-input-invalid');
  await refused(token.toString('hex').slice(1), 'token-input-invalid');
  await refused(dir, 'input-unreadable');
  await refused(token.subarray(0, -1).toString('hex'), 'der-invalid');
  await refused(`${token.toString('hex')}00`, 'der-invalid');
  await refused('3003020101', 'token-kind-unknown');
  await refused('30060201020101ff', 'token-version-unknown');
});

test('a signed message that was tampered with is not shown', async () => {
  const instruction = { m2meId: 'm', number: 1, kind: 'change', announced: encodeClaims(exampleClaims()) } as const;
  const der = await makeInstruction(instruction, signer);
  const broken = Buffer.from(der);
  const at = broken.indexOf(Buffer.from('m2me-0001'));
  broken[at] = 0x4d;
  await assert.rejects(inspectToken(broken, NOW), { code: 'signature-invalid' });
  await assert.rejects(inspectToken(await signCms(Buffer.from('hello'), signer), NOW), { code: 'token-kind-unknown' });
});

test('every kind is recognised and says what is in it', async () => {
  const instruction = { m2meId: 'm', number: 7, kind: 'cancel', announced: encodeClaims(exampleClaims()) } as const;
  const nonce = fill(1);
  const quote = {
    m2meId: 'm',
    nonce,
    orderId: 'o',
    measurements: [{ name: 'fw', sha256: fill(2) }],
    treCertificate: tre.certificate,
  };
  const validation = { orderId: 'o', nonce, m2meId: 'm', positive: true, reason: '', notAfter: NOW };
  const secret = SecretKey.copyOf(fill(3, 16));
  const sho = { id: 'sho-b.test', url: 'https://127.0.0.1:2' };
  const bsf = { fqdn: 'bsf.sho-b.test', url: 'http://127.0.0.1:1' };
  const pack = await makePackage({
    mcim: { impi: 'i', algorithm: 'milenage', k: secret, opc: secret, indBits: 5, bsf, sho },
    newShoId: 'sho-b.test',
    m2meId: 'm',
    serial,
    signer,
    recipientCertificate: tre.certificate,
    random: systemRandom,
  });
  const kinds: [Buffer, RegExp, string][] = [
    [encodeClaims(exampleClaims()), /^claims$/, '"valid now"'],
    [encodeClaims(exampleClaims({ notAfter: NOW - 1000 })), /^claims$/, '"expired"'],
    [encodeClaims(exampleClaims({ notBefore: NOW + 1000 })), /^claims$/, '"not yet valid"'],
    [encodeClaims(exampleClaims({ bootstrap: { btid: EXAMPLE.btid } })), /^claims$/, EXAMPLE.btid],
    [narrowToken(readToken(token), EXAMPLE.packageDigest, 'sho-b.test'), /^bound token$/, 'tag1'],
    [makeUnregistration({ serial, m2meId: 'm', discardedAt: NOW, discardRecord: fill(2) }, key), /^unreg/, '"m"'],
    [makeAcknowledgement({ serial, r }, key), /^acknowledgement/, 'releaseLock'],
    [makeRelay({ serial, r }, key), /^relay/, 'releaseLock'],
    [makeRelease({ serial }, key), /^release/, serial.toString('hex')],
    [
      makeResult({ serial, packageDigest: EXAMPLE.packageDigest, outcome: 'failure', reason: 'because' }, key),
      /^result/,
      'because',
    ],
    [makeReturn({ serial, m2meId: 'm', reason: 'cancelled' }, key), /^return/, 'cancelled'],
    [await makeInstruction(instruction, signer), /^instruction/, 'owner.test'],
    [await makeQuote(quote, signer), /^quote/, '"fw"'],
    [
      await makeValidation({ ...validation, treCertificate: tre.certificate }, signer),
      /^validation/,
      '"positive":true',
    ],
    [pack, /^MCIM package/, 'packageSha256'],
  ];
  for (const [der, kind, says] of kinds) {
    const inspection = await inspectToken(der, NOW);
    assert.match(inspection.kind, kind);
    const text = JSON.stringify(inspection);
    assert.ok(text.includes(says), `${inspection.kind}: ${says}`);
    assert.equal(text.includes(r.toString('hex')), false, 'r is not shown');
  }
});

test('characters that a terminal would hide or obey are shown as escapes', async () => {
  const text = await run(encodeClaims(exampleClaims({ roId: 'ro\u202etest' })).toString('hex'));
  assert.match(text, /ro\\u\{202e\}test/);
});
