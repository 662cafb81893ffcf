import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/index.ts';
import type { PeerIdentity } from '../../src/http/index.ts';
import { createContracts } from '../../src/sho/contracts.ts';
import type { ShoConfig } from '../../src/sho/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';

const KEYS = { a: '0a'.repeat(32), b: '0b'.repeat(32) };
const peerOf = (name: string, spkiSha256: string): PeerIdentity => ({ names: [name], instanceIds: [], spkiSha256 });
const a = peerOf('owner-a.test', KEYS.a);
const b = peerOf('owner-b.test', KEYS.b);

/** Two owners with a machine each by contract; a third machine came by an order of the second. */
async function contractsOfTwo() {
  const store = createMemoryStore(systemClock);
  const owners = [
    { name: 'owner-a.test', spkiSha256: KEYS.a, machines: [{ m2meId: 'm2me-a', impi: 'a@ims.test' }] },
    { name: 'owner-b.test', spkiSha256: KEYS.b, machines: [{ m2meId: 'm2me-b', impi: 'b@ims.test' }] },
  ];
  const contracts = createContracts({ owners } as ShoConfig, store);
  await store.commit([contracts.signOp('m2me-new', KEYS.b, 'new@ims.test')]);
  return contracts;
}

test('two owners: each orders for its own machines, whether by contract or by an order, and not for the other', async () => {
  const contracts = await contractsOfTwo();
  assert.equal((await contracts.ownedBy(a, 'm2me-a')).impi, 'a@ims.test');
  assert.equal((await contracts.ownedBy(b, 'm2me-b')).impi, 'b@ims.test');
  assert.equal((await contracts.ownedBy(b, 'm2me-new')).impi, 'new@ims.test');
  for (const [peer, m2meId] of [
    [a, 'm2me-b'],
    [b, 'm2me-a'],
    [a, 'm2me-new'],
    [undefined, 'm2me-a'],
    [a, 'M2ME-A'],
    [a, 'm2me-a\u0301'],
  ] as const) {
    await assert.rejects(contracts.ownedBy(peer, m2meId), { code: 'not-owner' }, `${peer?.names} ${m2meId}`);
  }
});

test("an owner's name with another key, or its key under another name, owns nothing by contract", async () => {
  const contracts = await contractsOfTwo();
  await assert.rejects(contracts.ownedBy(peerOf('owner-a.test', KEYS.b), 'm2me-a'), { code: 'not-owner' });
  await assert.rejects(contracts.ownedBy(peerOf('owner-b.test', KEYS.a), 'm2me-a'), { code: 'not-owner' });
});
