import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveChain } from '../../src/cli/derive.ts';

const input = {
  k: '465b5ce8b199b49faa5f0a2ee238a6bc',
  op: 'cdc202d5123e20f62b6d676ac72cb318',
  rand: '23553cbe9637a89d218ae64dae47bf35',
  sqn: 'ff9bb4d0b607',
  amf: 'b9b9',
  impi: 'user@ims.mnc001.mcc001.3gppnetwork.org',
  bsf: 'bsf.sho.test',
  nafs: [{ fqdn: 'naf.sho.test', uaId: '0100000002' }],
};

test('a refusal names the field and never shows a key', () => {
  for (const bad of [
    { ...input, k: `${input.k}00` },
    { ...input, op: undefined },
    { ...input, opc: input.op },
    { ...input, extra: input.k },
    { ...input, algorithm: 'xor' },
    { ...input, mode: '2g' },
  ]) {
    assert.throws(
      () => deriveChain(bad),
      (error: { code?: string; message: string }) => {
        assert.equal(error.code, 'derive-input-invalid');
        assert.equal(error.message.includes(input.k), false);
        return true;
      },
    );
  }
  assert.throws(() => deriveChain({ ...input, nafs: [{ fqdn: 'NAF', uaId: '0100000002' }] }), {
    code: 'naf-id-invalid',
  });
  assert.throws(() => deriveChain({ ...input, bsf: 'b:1' }), { code: 'btid-invalid' });
});

test('TS 35.208 set 1 through to the Ks_NAF that several codes agree on', () => {
  const derived = deriveChain(input);
  assert.equal(derived.opc, 'cd63cb71954a9f4e48a5994e37a02baf');
  assert.equal(derived.autn, '55f328b43577b9b94a9ffac354dfafb3');
  assert.equal(derived.xres, 'a54211d5e3ba50bf');
  assert.equal(derived.btid, 'I1U8vpY3qJ0hiuZNrke/NQ==@bsf.sho.test');
  assert.equal(derived.nafs[0]?.ksNaf, '0e958e1d163e63dc067a358a50d1cc40d152040b5c65e92e51c54f36668d6e8a');
  assert.equal(derived.autnStar, undefined);
});

test('gba_u gives AUTN*, the RES used on Ub and both keys; ext is the key of GBA_ME', () => {
  const derived = deriveChain({ ...input, mode: 'gba_u' });
  assert.equal(derived.autnStar, '55f328b43577b9b98c7f3f0d723fb244');
  assert.equal(derived.ubRes, 'a54211d5e3ba50be');
  assert.equal(derived.nafs[0]?.ksExtNaf, deriveChain(input).nafs[0]?.ksNaf);
  assert.notEqual(derived.nafs[0]?.ksIntNaf, derived.nafs[0]?.ksExtNaf);
});

test('opc gives the same as the op it comes from', () => {
  const { op: _op, ...rest } = input;
  assert.deepEqual(deriveChain({ ...rest, opc: 'cd63cb71954a9f4e48a5994e37a02baf' }), deriveChain(input));
});
