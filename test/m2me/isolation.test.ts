import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '../../src/base/index.ts';
import type { Mcim } from '../../src/mcim/index.ts';
import { allOctets, makeTre, mcimA, mcimB, SERIAL } from './support.ts';

/**
 * Variant "both present", as an attacker would: an operator C who may have anything done on its behalf, against the slots of
 * A (in use), B (put in earlier) and B again (pending).
 */
const C = 'sho-c.test';
const DIGEST_B = 'bb'.repeat(32);
const SIGNER_B = '11'.repeat(32);
const OTHER_SERIAL = 'c0'.repeat(16);

const mcimC = (change: Partial<Mcim> = {}): Mcim =>
  mcimB({ impi: 'c@sho-c.test', sho: { id: C, url: 'https://127.0.0.1:1' }, ...change });

async function withPreload() {
  const made = await makeTre();
  await made.tre.domain('sho-b.test').preload(mcimB(), DIGEST_B, SIGNER_B);
  return made;
}

async function withPending() {
  const made = await withPreload();
  assert.equal(await made.tre.domain('sho-b.test').bindStored(SERIAL, DIGEST_B), true);
  return made;
}

async function refusedBy(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    return codeOf(error);
  }
}

test("read and list: another operator's stored subscription looks like one that nobody has", async () => {
  const { tre } = await withPreload();
  const c = tre.domain(C);
  assert.equal(c.signerOfStored(DIGEST_B), undefined);
  assert.equal(c.signerOfStored('00'.repeat(32)), undefined);
  assert.equal(await c.bindStored(OTHER_SERIAL, DIGEST_B), false);
  assert.equal(await c.bindStored(OTHER_SERIAL, '00'.repeat(32)), false);
  assert.equal(tre.domain('sho-b.test').signerOfStored(DIGEST_B), SIGNER_B);
  assert.deepEqual(Object.keys(c).sort(), ['bindStored', 'preload', 'signerOfStored', 'storePending']);
});

test("overwrite: nothing fills another operator's slot, whatever the subscription inside says", async () => {
  const { tre, directory } = await withPreload();
  const before = allOctets(directory);
  const c = tre.domain(C);
  assert.equal(await refusedBy(() => c.preload(mcimB(), DIGEST_B, SIGNER_B)), 'slot-access-denied');
  assert.equal(await refusedBy(() => c.storePending(mcimB(), OTHER_SERIAL, DIGEST_B)), 'slot-access-denied');
  assert.equal(await refusedBy(() => c.storePending(mcimA(), OTHER_SERIAL, DIGEST_B)), 'slot-access-denied');
  assert.deepEqual(allOctets(directory), before);
});

test("overwrite and delete: another operator's pending subscription is out of reach", async () => {
  const { tre, directory } = await withPending();
  const before = allOctets(directory);
  const c = tre.domain(C);
  assert.equal(await refusedBy(() => c.storePending(mcimC(), OTHER_SERIAL, 'cc'.repeat(32))), 'slot-taken');
  assert.equal(await refusedBy(() => c.storePending(mcimC(), SERIAL, 'cc'.repeat(32))), 'slot-taken');
  assert.equal(await tre.pendingReady(SERIAL), true);
  assert.equal(tre.pendingSerial(), SERIAL);
  // What its own compartment would have been was never made, or is gone.
  assert.equal(allOctets(directory).includes(before.subarray(0, 64)), true);
});

test("delete: putting in one's own subscription takes nobody else's away", async () => {
  const { tre, reopen } = await withPreload();
  await tre.domain(C).preload(mcimC(), 'cc'.repeat(32), '22'.repeat(32));
  await tre.domain(C).preload(mcimC({ impi: 'c2@sho-c.test' }), 'cd'.repeat(32), '22'.repeat(32));
  const again = await reopen();
  assert.equal(again.domain('sho-b.test').signerOfStored(DIGEST_B), SIGNER_B);
  assert.equal(again.domain(C).signerOfStored('cc'.repeat(32)), undefined);
  assert.equal(again.identity()?.sho.id, 'sho-a.test');
});

test("activate: another operator's serial switches nothing, and nothing switches while the old one is in use", async () => {
  const { tre } = await withPending();
  assert.equal(await refusedBy(() => tre.activate(OTHER_SERIAL)), 'slot-incomplete');
  assert.equal(await refusedBy(() => tre.activate(SERIAL)), 'slot-taken');
  assert.equal(tre.identity()?.sho.id, 'sho-a.test');
});

test('time: asking for a stored subscription reads no file and tries no key, whoever has it', async () => {
  const { tre } = await withPreload();
  // The answer is there in the same turn: there is no work whose length could tell anything.
  const answers = [tre.domain(C).signerOfStored(DIGEST_B), tre.domain(C).signerOfStored('00'.repeat(32))];
  assert.deepEqual(answers, [undefined, undefined]);
});

test('a change that ends without a switch puts the stored subscription back, whole, for the next token', async () => {
  const { tre, reopen } = await withPending();
  await tre.dropPending();
  const again = await reopen();
  assert.equal(again.pendingSerial(), undefined);
  assert.equal(await again.domain('sho-b.test').bindStored(OTHER_SERIAL, DIGEST_B), true);
  assert.equal(await again.pendingReady(OTHER_SERIAL), true);
});

test('each slot is sealed under a key of its own: one file of one slot is no use in another', async () => {
  const { tre, directory } = await withPreload();
  assert.ok(tre.identity() !== undefined);
  const octets = allOctets(directory);
  for (const mcim of [mcimA(), mcimB()]) {
    assert.equal(octets.includes(mcim.k.bytes()), false);
    assert.equal(octets.includes(mcim.opc.bytes()), false);
    assert.equal(octets.includes(Buffer.from(mcim.impi)), false);
  }
});
