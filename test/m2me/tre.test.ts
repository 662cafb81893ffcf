import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeVector } from '../../src/aka/index.ts';
import { codeOf, SecretKey } from '../../src/base/index.ts';
import { UA_TOKEN } from '../../src/gba/index.ts';
import { deriveRoKeys, readUnregistration } from '../../src/token/index.ts';
import { fill } from '../support/claims.ts';
import {
  allOctets,
  holds,
  keepContext,
  makeTre,
  mcimA,
  mcimB,
  SERIAL,
  SET_1,
  SET_3,
  START,
  tokenKeys,
} from './support.ts';

const DIGEST = 'dd'.repeat(32);
const RO_SUITE = Buffer.from('0100011302', 'hex');

const rejects = (work: Promise<unknown>, code: string) =>
  assert.rejects(work, (error: unknown) => codeOf(error) === code, code);

function vector(seq: number, rand = fill(1, 16)) {
  const sqn = Buffer.alloc(6);
  sqn.writeUIntBE(seq * 32 + 1, 0, 6);
  return makeVector(mcimA(), rand, sqn, Buffer.from('8000', 'hex'));
}

test('no secret of a subscription or a context stands in any file in clear', async () => {
  const { tre, directory } = await makeTre();
  const { ks } = await keepContext(tre, 0x5c, START + 1000);
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  const octets = allOctets(directory);
  for (const hex of [SET_1.k, SET_1.opc, SET_3.k, SET_3.opc])
    assert.equal(holds(octets, Buffer.from(hex, 'hex')), false);
  assert.equal(holds(octets, ks), false);
  assert.equal(holds(octets, tokenKeys().unregister.bytes()), false);
});

test('a SQN that was accepted is refused after a power cut: it was durable before RES left', async () => {
  const { tre, reopen } = await makeTre();
  const { rand, autn } = vector(5);
  assert.equal((await tre.authenticate(rand, autn)).result, 'ok');
  const again = await (await reopen()).authenticate(rand, autn);
  assert.equal(again.result, 'sync-failure');
});

test('two authentications at once with the same SQN: one is accepted', async () => {
  const { tre } = await makeTre();
  const { rand, autn } = vector(5);
  const results = await Promise.all([tre.authenticate(rand, autn), tre.authenticate(rand, autn)]);
  assert.deepEqual(results.map(({ result }) => result).sort(), ['ok', 'sync-failure']);
});

test('a wrong MAC changes nothing in the slot', async () => {
  const { tre, directory } = await makeTre();
  const before = allOctets(directory);
  const { rand, autn } = vector(5);
  autn[15] = (autn[15] ?? 0) ^ 1;
  assert.equal((await tre.authenticate(rand, autn)).result, 'mac-failure');
  assert.deepEqual(allOctets(directory), before);
});

test('the last three contexts are kept, newest first, ended ones are not given out', async () => {
  const { tre, time } = await makeTre();
  for (const octet of [1, 2, 3, 4]) await keepContext(tre, octet, START + octet * 1000);
  assert.deepEqual(
    (await tre.contexts()).map(({ rand }) => rand.slice(0, 2)),
    ['04', '03', '02'],
  );
  time.now = START + 3000;
  assert.equal((await tre.contexts()).length, 1);
  assert.equal((await tre.nafKeys('sho-a.test', UA_TOKEN)).length, 1);
});

test('a slot whose key file is erased does not open, though its data is all there', async () => {
  const { directory, reopen } = await makeTre();
  const keyFile = readdirSync(directory).find((name) => name.startsWith('slot-') && name.endsWith('.key')) ?? '';
  const path = join(directory, keyFile);
  writeFileSync(path, Buffer.alloc(readFileSync(path).length));
  const tre = await reopen();
  assert.equal(tre.identity(), undefined);
  await rejects(tre.authenticate(fill(1, 16), fill(2, 16)), 'no-subscription');
});

test('sealed data moved to another name or slot does not open', async () => {
  const { tre, directory, reopen } = await makeTre();
  await keepContext(tre, 1, START + 1000);
  const named = (part: string) => join(directory, readdirSync(directory).find((name) => name.includes(part)) ?? '');
  copyFileSync(named('.contexts.sealed'), named('.mcim.sealed'));
  await rejects(reopen(), 'seal-broken');
});

test('half-written files of a power cut are ignored and removed', async () => {
  const { directory, reopen } = await makeTre();
  const named = readdirSync(directory);
  for (const name of named) {
    const part = join(directory, `${name}.part`);
    copyFileSync(join(directory, name), part);
    truncateSync(part, 7);
  }
  const tre = await reopen();
  assert.equal(tre.identity()?.impi, mcimA().impi);
  assert.deepEqual(readdirSync(directory).sort(), named.sort());
});

test('a slot that no pointer names is removed: the power went before it became visible', async () => {
  const { tre, directory, reopen } = await makeTre();
  const pointer = readFileSync(join(directory, 'slots'));
  const before = readdirSync(directory).sort();
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  writeFileSync(join(directory, 'slots'), pointer);
  const again = await reopen();
  assert.equal(again.pendingSerial(), undefined);
  assert.deepEqual(readdirSync(directory).sort(), before);
});

test('nothing is discarded while no complete new subscription of this serial waits', async () => {
  const { tre } = await makeTre();
  await rejects(tre.discard(SERIAL, []), 'discard-without-pending');
  await tre.domain(mcimB().sho.id).storePending(mcimB(), 'bb'.repeat(16), DIGEST);
  await rejects(tre.discard(SERIAL, []), 'discard-without-pending');
  assert.equal(tre.identity()?.impi, mcimA().impi);
});

test('a pending slot that lost its key does not count as complete', async () => {
  const { tre, directory, reopen } = await makeTre();
  const before = new Set(readdirSync(directory));
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  const keyFile = readdirSync(directory).find((name) => !before.has(name) && name.endsWith('.key')) ?? '';
  writeFileSync(join(directory, keyFile), Buffer.alloc(64));
  await rejects((await reopen()).discard(SERIAL, []), 'discard-without-pending');
});

test('no unregistration before a durable discard record', async () => {
  const { tre } = await makeTre();
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await rejects(tre.unregistration(SERIAL), 'discard-record-missing');
});

test('no unregistration while the record is there but the slot is not erased yet', async () => {
  const { tre, directory } = await makeTre();
  const slot =
    readdirSync(directory)
      .find((name) => name.startsWith('slot-'))
      ?.split('.', 1)[0] ?? '';
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await tre.pins.writeDiscard({ serial: SERIAL, m2meId: 'm2me-0001', slot, discardedAt: START });
  await rejects(tre.unregistration(SERIAL), 'discard-record-missing');
  await tre.discard(SERIAL, []);
  assert.equal((await readUnregistration(await tre.unregistration(SERIAL))).matches(tokenKeys().unregister), true);
});

test('after the discard nothing can bring K, OPc, SQN or Ks back, and it can be repeated', async () => {
  const { tre, directory, reopen } = await makeTre();
  await keepContext(tre, 0x5c, START + 1000);
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  const stolen = mkdtempSync(join(tmpdir(), 'gba-stolen-'));
  for (const name of readdirSync(directory).filter((one) => !one.endsWith('.key'))) {
    copyFileSync(join(directory, name), join(stolen, name));
  }
  const record = await tre.discard(SERIAL, [{ fqdn: 'ro.test', uaId: RO_SUITE }]);
  assert.deepEqual(await tre.discard(SERIAL, []), record);
  assert.equal(tre.identity(), undefined);
  assert.deepEqual(await tre.nafKeys('ro.test', RO_SUITE), []);
  await rejects(tre.authenticate(fill(1, 16), fill(2, 16)), 'no-subscription');
  // Even a copy of all sealed data, put back beside the keys that are left, opens nothing.
  for (const name of readdirSync(stolen).filter((one) => one !== 'slots')) {
    if (!readdirSync(directory).includes(name)) copyFileSync(join(stolen, name), join(directory, name));
  }
  assert.equal((await reopen()).identity(), undefined);
  assert.equal(holds(allOctets(directory), Buffer.from(SET_1.k, 'hex')), false);
});

test('the discard is finished after a power cut between the record and the erasure', async () => {
  const { tre, directory, reopen } = await makeTre();
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  const copy = mkdtempSync(join(tmpdir(), 'gba-tre-'));
  const before = readdirSync(directory);
  for (const name of before) copyFileSync(join(directory, name), join(copy, name));
  await tre.discard(SERIAL, []);
  // The power cut: the record is there, the slot as before, one octet of the key overwritten.
  for (const name of before) {
    if (!readdirSync(directory).includes(name) || name === 'slots')
      copyFileSync(join(copy, name), join(directory, name));
  }
  const again = await reopen();
  assert.equal(again.identity()?.impi, mcimA().impi);
  await rejects(again.unregistration(SERIAL), 'discard-record-missing');
  await again.discard(SERIAL, []);
  assert.equal(again.identity(), undefined);
  assert.ok((await again.unregistration(SERIAL)).length > 0);
});

test('the open sessions and the pinned keys outlive the discard, and end when they are forgotten', async () => {
  const { tre, time } = await makeTre();
  await keepContext(tre, 0x5c, START + 1000);
  const [live] = await tre.nafKeys('ro.test', RO_SUITE);
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  await tre.discard(SERIAL, [{ fqdn: 'ro.test', uaId: RO_SUITE }]);
  const kept = await tre.pins.session(SERIAL, 'ro.test', RO_SUITE, time.now);
  assert.ok(live && kept?.ksNaf.equals(live.ksNaf));
  assert.equal(await tre.pins.session(SERIAL, 'sho-a.test', RO_SUITE, time.now), undefined);
  assert.equal(await tre.pins.session(SERIAL, 'ro.test', RO_SUITE, START + 1000), undefined);
  await tre.pins.forget(SERIAL);
  assert.equal(await tre.pins.tokenKeys(SERIAL), undefined);
});

test('activation needs the pending slot of this serial and an empty place; it can be repeated', async () => {
  const { tre, reopen } = await makeTre();
  await rejects(tre.activate(SERIAL), 'slot-incomplete');
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await rejects(tre.activate(SERIAL), 'slot-taken');
  await rejects(tre.activate('bb'.repeat(16)), 'slot-incomplete');
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  await tre.discard(SERIAL, []);
  await tre.activate(SERIAL);
  await tre.activate(SERIAL);
  assert.equal(tre.identity()?.impi, mcimB().impi);
  assert.equal((await reopen()).identity()?.serial, SERIAL);
});

test('a dropped pending slot leaves nothing, a second one takes the place of the first', async () => {
  const { tre, directory } = await makeTre();
  const before = readdirSync(directory).length;
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await tre.domain(mcimB().sho.id).storePending(mcimB({ impi: 'x@y.test' }), 'bb'.repeat(16), DIGEST);
  assert.equal(await tre.pendingReady(SERIAL), false);
  assert.equal(await tre.pendingReady('bb'.repeat(16)), true);
  await tre.dropPending();
  assert.equal(readdirSync(directory).length, before);
});

test('keys in a sealed record survive octet for octet', async () => {
  const { tre } = await makeTre();
  const r = SecretKey.copyOf(fill(0x5a));
  await tre.pins.keepRelease(SERIAL, r);
  assert.ok((await tre.pins.release(SERIAL))?.equals(r));
});

const roKeys = () => deriveRoKeys(SecretKey.copyOf(fill(8)), Buffer.from(SERIAL, 'hex'));

test('records pinned at the same moment are all there after a restart', async () => {
  const { tre, reopen } = await makeTre();
  const { pins } = tre;
  await Promise.all([
    pins.pinTokenKeys(SERIAL, Object.values(tokenKeys())),
    pins.pinRoKeys(SERIAL, roKeys()),
    pins.keepRelease(SERIAL, SecretKey.copyOf(fill(1))),
    pins.keepRelease(SERIAL, SecretKey.copyOf(fill(2))),
  ]);
  const again = await reopen();
  assert.ok((await again.pins.tokenKeys(SERIAL))?.[2]?.equals(tokenKeys().ack));
  assert.ok((await again.pins.roKeys(SERIAL))?.relay.equals(roKeys().relay));
  assert.ok((await again.pins.release(SERIAL))?.equals(SecretKey.copyOf(fill(2))));
});

test('what an interrupted erasure left does not come up under a new key of the same name', async () => {
  const { tre, directory, reopen } = await makeTre();
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  const keyFile = join(directory, `change-${SERIAL}.key`);
  writeFileSync(keyFile, Buffer.alloc(readFileSync(keyFile).length));
  const again = await reopen();
  await again.pins.pinRoKeys(SERIAL, roKeys());
  assert.equal(await again.pins.tokenKeys(SERIAL), undefined);
});

test('a discard that a power cut stopped before the erasure still needs the new subscription', async () => {
  const { tre, directory, reopen } = await makeTre();
  const slots = () => readdirSync(directory).filter((name) => name.startsWith('slot-') && name.endsWith('.key'));
  const [old = ''] = slots();
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  const slot = old.split('.', 1)[0] ?? '';
  await tre.pins.writeDiscard({ serial: SERIAL, m2meId: 'm2me-0001', slot, discardedAt: START });
  const pending = slots().find((name) => name !== old) ?? '';
  writeFileSync(join(directory, pending), Buffer.alloc(64));
  const again = await reopen();
  await rejects(again.discard(SERIAL, []), 'discard-without-pending');
  assert.equal(again.identity()?.impi, mcimA().impi);
});

test('after the point of no return nothing takes the waiting subscription away', async () => {
  const { tre } = await makeTre();
  await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
  await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
  await tre.discard(SERIAL, []);
  await rejects(tre.dropPending(), 'discard-begun');
  await rejects(tre.domain(mcimA().sho.id).storePending(mcimA(), 'bb'.repeat(16), DIGEST), 'discard-begun');
  await tre.domain(mcimB().sho.id).storePending(mcimB({ impi: 'corrected@sho-b.test' }), SERIAL, DIGEST);
  await tre.activate(SERIAL);
  assert.equal(tre.identity()?.impi, 'corrected@sho-b.test');
});

test('a disk that refuses is a clear refusal', async () => {
  const { tre, directory } = await makeTre();
  rmSync(directory, { recursive: true });
  await rejects(tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys())), 'tre-storage-failed');
  await rejects(tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST), 'tre-storage-failed');
});

test('every file of the TRE is for its owner alone', async () => {
  const mask = process.umask(0);
  try {
    const { tre, directory } = await makeTre({ directory: join(mkdtempSync(join(tmpdir(), 'gba-modes-')), 'tre') });
    await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, DIGEST);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    for (const name of readdirSync(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
  } finally {
    process.umask(mask);
  }
});
