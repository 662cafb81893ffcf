import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import fc from 'fast-check';
import {
  boundTagMatches,
  encodeClaims,
  makeInstruction,
  makeQuote,
  makeReturn,
  makeToken,
  makeValidation,
  narrowToken,
  readBoundToken,
  readInstruction,
  readQuote,
  readToken,
  readValidation,
} from '../../src/token/index.ts';
import { readCertificate, type Signer, signCms, verifyCms } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { exampleClaims, exampleKeys, fill } from '../support/claims.ts';

const claimsDer = encodeClaims(exampleClaims());
const instruction = { m2meId: 'm2me-0001', number: 7, kind: 'change', announced: claimsDer } as const;
const nonce = fill(1);
const measurements = [{ name: 'firmware', sha256: fill(2) }];
const notAfter = Date.parse('2027-01-01T00:00:00Z');
let signer: Signer;
let treCertificate: Buffer;

const quote = () => ({ m2meId: 'm2me-0001', nonce, orderId: 'order-1', measurements, treCertificate });
const validation = () => ({
  ...{ orderId: 'order-1', nonce, m2meId: 'm2me-0001', positive: false, reason: 'firmware-unknown', notAfter },
  treCertificate,
});

before(async () => {
  const authority = await makeAuthority('CA');
  signer = await makeSigner('signer.test', authority);
  treCertificate = (await makeSigner('m2me-0001', authority, 'encrypt')).certificate;
});

test('signed messages come back as they were written, with whose key signed', async () => {
  const { spkiSha256 } = readCertificate(signer.certificate);
  const check = (read: object & { signer: { spkiSha256: string } }, written: object) => {
    const { signer: who, ...fields } = read;
    assert.equal(who.spkiSha256, spkiSha256);
    assert.deepEqual(fields, written);
  };
  check(await readInstruction(await makeInstruction(instruction, signer)), instruction);
  check(await readQuote(await makeQuote(quote(), signer)), quote());
  check(await readValidation(await makeValidation(validation(), signer)), validation());
});

test('a signed message of one kind is not read as another', async () => {
  const made = {
    'instruction-invalid': await makeInstruction(instruction, signer),
    'quote-invalid': await makeQuote(quote(), signer),
    'validation-invalid': await makeValidation(validation(), signer),
  };
  const readers = {
    'instruction-invalid': readInstruction,
    'quote-invalid': readQuote,
    'validation-invalid': readValidation,
  };
  for (const [code, read] of Object.entries(readers)) {
    for (const [kind, der] of Object.entries(made)) {
      if (kind !== code) await assert.rejects(read(der), { code }, `${kind} as ${code}`);
    }
    await assert.rejects(read(await signCms(claimsDer, signer)), { code });
    await assert.rejects(read(Buffer.alloc(0)), { code });
  }
});

test('an instruction with one octet of its content changed is refused', async () => {
  const der = await makeInstruction(instruction, signer);
  const { content } = await verifyCms(der);
  const start = der.indexOf(content);
  for (let i = 0; i < content.length; i++) {
    const broken = Buffer.from(der);
    broken[start + i] = (broken[start + i] ?? 0) ^ 0x01;
    await assert.rejects(readInstruction(broken), { code: 'instruction-invalid' }, `octet ${i}`);
  }
});

test('what no reader takes is neither signed nor given a MAC', async () => {
  for (const number of [0, -1, 1.5, Number.MAX_SAFE_INTEGER + 1]) {
    await assert.rejects(makeInstruction({ ...instruction, number }, signer), { code: 'instruction-invalid' });
  }
  await assert.rejects(makeQuote({ ...quote(), measurements: [] }, signer), { code: 'quote-invalid' });
  await assert.rejects(makeValidation({ ...validation(), nonce: fill(1, 31) }, signer), { code: 'validation-invalid' });
  const tooLong = { serial: fill(1, 16), m2meId: 'm', reason: 'x'.repeat(65) };
  assert.throws(() => makeReturn(tooLong, exampleKeys().return), { code: 'message-der-invalid' });
  assert.throws(() => encodeClaims(exampleClaims({ roId: 'r'.repeat(254) })), { code: 'token-der-invalid' });
});

test('tag1 says which package and which new SHO: no two pairs share one', async () => {
  const token = readToken(makeToken(exampleClaims(), exampleKeys()));
  const { install } = exampleKeys();
  const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((a) => Buffer.from(a));
  const id = fc.string({ minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(digest, id, digest, id, async (d1, id1, d2, id2) => {
      const bound = await readBoundToken(narrowToken(token, d1, id1));
      assert.equal(boundTagMatches(bound, install, d1, id1), true);
      const same = d1.equals(d2) && id1 === id2;
      assert.equal(boundTagMatches(bound, install, d2, id2), same);
      // An octet moved over the border between digest and id is no package digest any more.
      assert.throws(() => narrowToken(token, Buffer.concat([d1, Buffer.from(id1.slice(0, 1))]), id1.slice(1)));
    }),
  );
});

test('the FC values of the project are the two of docs/protocol.md, each in one place', () => {
  const src = new URL('../../src/', import.meta.url);
  const found = readdirSync(src, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      [...readFileSync(new URL(name, src), 'utf8').matchAll(/\bFC\w* = (0x[0-9a-f]+)/g)].map((m) => `${name} ${m[1]}`),
    );
  assert.deepEqual(found.sort(), ['gba/kdf.ts 0x01', 'token/keys.ts 0xfe']);
});
