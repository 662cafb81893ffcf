import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { fromHex } from '../../src/base/index.ts';
import { decodeMcim } from '../../src/mcim/index.ts';
import { decodeClaims, readResult, readUnregistration } from '../../src/token/index.ts';
import { checkStrictDer } from '../../src/x509/index.ts';
import { computeExample, readDocExample } from '../support/worked-example.ts';

const { inputs, blocks } = readDocExample();
const block = (name: string): Buffer => blocks.get(name) ?? assert.fail(`docs/protocol.md has no block ${name}`);
const input = (name: string): Buffer => fromHex(inputs.get(name) ?? assert.fail(`no input ${name}`));
const hmac = (key: Buffer, ...parts: Buffer[]) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const tail = (name: string): Buffer => block(name).subarray(-32);

test('every block of the page is what the code makes of its inputs, and none is missing', async () => {
  const computed = await computeExample(inputs);
  assert.deepEqual([...blocks.keys()].sort(), [...computed.keys()].sort());
  for (const [name, octets] of computed) assert.equal(block(name).toString('hex'), octets.toString('hex'), name);
});

test('the keys are HMAC-SHA-256 of FE || P0 || L0 || P1 || L1, by hand', () => {
  const serial = input('serial');
  const derive = (key: string, label: string) => {
    const p0 = Buffer.from(`gba-authz ${label}`, 'ascii');
    return hmac(input(key), Buffer.from([0xfe]), p0, Buffer.from([0, p0.length]), serial, Buffer.from([0, 16]));
  };
  for (const label of ['install', 'unregister', 'ack', 'return']) {
    assert.deepEqual(block(`k-${label}`), derive('Ks_NAF(token)', label), label);
  }
  for (const label of ['activate', 'result', 'relay']) {
    assert.deepEqual(block(`k-${label}`), derive('Ks_NAF(ro)', label), label);
  }
  const btid = Buffer.from(inputs.get('B-TID') ?? '');
  assert.deepEqual(block('blinded-btid'), hmac(derive('Ks_NAF(token)', 'blind'), btid));
  assert.deepEqual(block('k-install'), hmac(input('Ks_NAF(token)'), block('kdf-input-install')));
});

test('tags, lock and MACs are what the page says, by hand', () => {
  assert.deepEqual(block('tag0'), hmac(block('k-install'), block('claims')));
  const newSho = Buffer.from(inputs.get('new SHO id') ?? '');
  assert.deepEqual(block('tag1'), hmac(block('tag0'), input('SHA-256(package)'), newSho));
  assert.deepEqual(block('release-lock'), createHash('sha256').update(input('r')).digest());
  const keyOf = { unregistration: 'unregister', acknowledgement: 'ack', relay: 'relay', release: 'activate' };
  for (const [name, key] of Object.entries({ ...keyOf, result: 'result', return: 'return' })) {
    // SEQUENCE { OCTET STRING body, OCTET STRING mac }, all shorter than 128 octets or with one length octet more.
    const der = block(name);
    const from = (der[1] ?? 0) < 0x80 ? 2 : 3;
    const head = (der[from + 1] ?? 0) < 0x80 ? 2 : 3;
    assert.deepEqual(tail(name), hmac(block(`k-${key}`), der.subarray(from + head, -34)), name);
  }
});

test('the blocks read back as the inputs', async () => {
  for (const name of ['claims', 'claims-in-clear', 'token', 'bound-token']) checkStrictDer(block(name));
  const claims = decodeClaims(block('claims'));
  assert.equal(claims.m2meId, inputs.get('M2ME id'));
  assert.deepEqual(claims.newSho.keyHashes, [input('new SHO key hash')]);
  assert.deepEqual(decodeClaims(block('claims-in-clear')).bootstrap, { btid: inputs.get('B-TID') });
  assert.equal(
    (await readUnregistration(block('unregistration'))).discardedAt,
    Date.parse(inputs.get('discarded at') ?? ''),
  );
  assert.equal(readResult(block('result')).outcome, 'success');
  // The MCIM is the last member of what the envelope holds.
  const content = block('package-content');
  const impi = Buffer.from(inputs.get('new IMPI') ?? '');
  const start = content.indexOf(Buffer.concat([Buffer.from([0x0c, impi.length]), impi])) - 3;
  assert.equal(decodeMcim(content.subarray(start)).impi, inputs.get('new IMPI'));
});
