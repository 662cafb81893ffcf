// The TRE against power cuts that take away what was not synced: contents lost, torn or kept, names lost or kept, at every
// single operation of a whole change, and again at every operation of what follows the first cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretKey } from '../../src/base/index.ts';
import { createDownloads } from '../../src/m2me/downloads.ts';
import { createDurableFiles, type Tre } from '../../src/m2me/tre/index.ts';
import { fill } from '../support/claims.ts';
import { createLosingDisk, FATES, type Fate, type LosingDisk } from './losing-disk.ts';
import { holds, keepContext, makeTre, mcimA, mcimB, SERIAL, SET_1, START, tokenKeys } from './support.ts';

const DIRECTORY = '/machine/tre';
const PACKAGE = fill(0x77, 600);

/** A whole change in the TRE with its download, from wherever it stands. */
async function change(tre: Tre, disk: LosingDisk): Promise<void> {
  const downloads = createDownloads(DIRECTORY, createDurableFiles(disk));
  if (tre.identity() === undefined && tre.pendingSerial() === undefined) await tre.commission(mcimA());
  if (tre.identity()?.serial !== SERIAL) {
    if ((await tre.pins.discard(SERIAL)) === undefined) {
      await keepContext(tre, 0x5c, START + 1000);
      await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
      await take(downloads);
      await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, 'dd'.repeat(32));
    }
    await downloads.erase(SERIAL);
    await tre.discard(SERIAL, []);
    await tre.unregistration(SERIAL);
    await tre.pins.keepRelease(SERIAL, SecretKey.copyOf(fill(5)));
    await tre.activate(SERIAL);
  }
  await tre.pins.forget(SERIAL);
}

/** As the machine takes a package: in pieces, and from its beginning when what is there is not its beginning. */
async function take(downloads: ReturnType<typeof createDownloads>): Promise<void> {
  let there = (await downloads.read(SERIAL)) ?? Buffer.alloc(0);
  if (!PACKAGE.subarray(0, there.length).equals(there)) {
    await downloads.erase(SERIAL);
    there = Buffer.alloc(0);
  }
  for (let at = there.length; at < PACKAGE.length; at += 200) {
    await downloads.append(SERIAL, PACKAGE.subarray(at, at + 200));
  }
  assert.deepEqual(await downloads.read(SERIAL), PACKAGE);
}

/** I1: what the machine has is the old subscription, or the new one, or a complete new one behind a durable record. */
async function assertWayBack(tre: Tre, at: string, wasCommissioned: boolean): Promise<void> {
  const identity = tre.identity();
  if (identity !== undefined) {
    assert.ok([mcimA().impi, mcimB().impi].includes(identity.impi), at);
    await tre.contexts();
    return;
  }
  if (!wasCommissioned) return;
  assert.ok(await tre.pins.discard(SERIAL), at);
  assert.ok(await tre.pendingReady(SERIAL), at);
}

const saying = ({ octets, names }: Fate): string => `contents ${octets}, names ${names}`;

/** A machine whose power went before operation `cut` of its life; undefined when it needs fewer. */
async function cutAt(cut: number, fate: Fate): Promise<{ disk: LosingDisk; reopen(): Promise<Tre> } | undefined> {
  const disk = createLosingDisk();
  const { reopen } = await makeTre({ directory: DIRECTORY, disk, commissioned: false });
  disk.restart({ octets: 'lost', names: 'kept' });
  disk.cutBefore(cut);
  const done = await reopen()
    .then((tre) => change(tre, disk))
    .then(
      () => true,
      () => false,
    );
  if (done) return undefined;
  disk.restart(fate);
  return { disk, reopen: () => reopen() };
}

async function assertGoesOn(reopen: () => Promise<Tre>, disk: LosingDisk, at: string): Promise<void> {
  const tre = await reopen();
  await change(tre, disk);
  const end = await reopen();
  assert.equal(end.identity()?.serial, SERIAL, at);
  assert.deepEqual(
    disk.names().filter((name) => /^(change-|download-)|\.part$/.test(name)),
    [],
    at,
  );
}

for (const fate of FATES) {
  test(`I1, I8: the power goes at any moment, ${saying(fate)}: there is a way back, and the change goes on`, async (t) => {
    let cuts = 0;
    for (; ; cuts++) {
      const machine = await cutAt(cuts, fate);
      if (machine === undefined) break;
      const at = `before operation ${cuts}, ${saying(fate)}`;
      await assertWayBack(await machine.reopen(), at, cuts > 30);
      await assertGoesOn(machine.reopen, machine.disk, at);
      const octets = machine.disk.octets();
      assert.equal(holds(octets, Buffer.from(SET_1.k, 'hex')), false, at);
    }
    assert.ok(cuts > 100, `${cuts} moments`);
    t.diagnostic(`${cuts} moments`);
  });
}

test('I1, I8: the power goes again while the machine picks itself up', async () => {
  for (const fate of FATES) {
    for (let cut = 0; ; cut += 7) {
      const first = await cutAt(cut, fate);
      if (first === undefined) break;
      for (let again = 0; again < 12; again++) {
        first.disk.cutBefore(again);
        await first
          .reopen()
          .then((tre) => change(tre, first.disk))
          .catch(() => undefined);
        first.disk.restart(fate);
      }
      await assertGoesOn(first.reopen, first.disk, `before operation ${cut} and soon again, ${saying(fate)}`);
    }
  }
});

test('a machine that has been put into operation is there after a power cut, its folder too', async () => {
  const disk = createLosingDisk();
  const { reopen } = await makeTre({ directory: DIRECTORY, disk });
  disk.restart({ octets: 'lost', names: 'lost' });
  assert.equal((await reopen()).identity()?.impi, mcimA().impi);
});
