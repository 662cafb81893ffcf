// The TRE against power cuts: the directory is cut off at every single file operation of a whole change, also in the
// middle of a write, and opened again.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeVector } from '../../src/aka/index.ts';
import { SecretKey } from '../../src/base/index.ts';
import { type Disk, systemDisk, type Tre } from '../../src/m2me/tre/index.ts';
import { fill } from '../support/claims.ts';
import { allOctets, holds, keepContext, makeTre, mcimA, mcimB, SERIAL, SET_1, START, tokenKeys } from './support.ts';

class PowerCut extends Error {}

/** After `operations` more changes of the disk nothing reaches it any more; the first write that does not is torn. */
function cutAfter(operations: number): { disk: Disk; used(): number } {
  let used = 0;
  const isOver = (): boolean => ++used > operations;
  const orCut = async (): Promise<void> => {
    if (isOver()) throw new PowerCut();
  };
  const disk: Disk = {
    ...systemDisk,
    async open(...args) {
      const file = await systemDisk.open(...args);
      return {
        async writeFile(octets) {
          if (!isOver()) return await file.writeFile(octets);
          if (used === operations + 1) await file.writeFile(octets.subarray(0, octets.length >> 1));
          throw new PowerCut();
        },
        async sync() {
          await orCut();
          await file.sync();
        },
        stat: () => file.stat(),
        close: () => file.close(),
      };
    },
    async rename(from, to) {
      await orCut();
      await systemDisk.rename(from, to);
    },
    async rm(path, options) {
      await orCut();
      await systemDisk.rm(path, options);
    },
  };
  return { disk, used: () => used };
}

/** A whole change in the TRE, from wherever it stands. */
async function change(tre: Tre): Promise<void> {
  const record = await tre.pins.discard(SERIAL);
  if (tre.identity()?.serial !== SERIAL) {
    if (record === undefined) {
      if (tre.identity() === undefined) await tre.commission(mcimA());
      await keepContext(tre, 0x5c, START + 1000);
      await tre.pins.pinTokenKeys(SERIAL, Object.values(tokenKeys()));
      await tre.domain(mcimB().sho.id).storePending(mcimB(), SERIAL, 'dd'.repeat(32));
    }
    await tre.discard(SERIAL, []);
    await tre.unregistration(SERIAL);
    await tre.pins.keepRelease(SERIAL, SecretKey.copyOf(fill(5)));
    await tre.activate(SERIAL);
  }
  await tre.pins.forget(SERIAL);
}

let seq = 0;

/** I1: the old subscription works, or the new one does, or a complete one waits behind a durable record. */
async function assertWayBack(tre: Tre, at: string): Promise<void> {
  const identity = tre.identity();
  if (identity === undefined) {
    assert.ok(await tre.pins.discard(SERIAL), at);
    assert.ok(await tre.pendingReady(SERIAL), at);
    return;
  }
  const sqn = Buffer.alloc(6);
  sqn.writeUIntBE(++seq * 32, 0, 6);
  const keys = identity.serial === SERIAL ? mcimB() : mcimA();
  const { rand, autn } = makeVector(keys, fill(1, 16), sqn, Buffer.alloc(2));
  assert.equal((await tre.authenticate(rand, autn)).result, 'ok', at);
}

test('whenever the power goes, the machine has a way back and the change goes on to its end', async () => {
  for (let operations = 0; ; operations++) {
    const at = `after ${operations} operations`;
    const directory = mkdtempSync(join(tmpdir(), 'gba-tre-cut-'));
    const { reopen } = await makeTre({ directory });
    const power = cutAfter(operations);
    const done = await reopen(power.disk)
      .then(change)
      .then(
        () => true,
        () => false,
      );
    assert.equal(done, power.used() <= operations, at);
    const again = await reopen();
    await assertWayBack(again, at);
    await change(again);
    const end = await reopen();
    assert.equal(end.identity()?.serial, SERIAL, at);
    await assertWayBack(end, at);
    assert.equal(readdirSync(directory).filter((name) => name.startsWith('change-')).length, 0, at);
    assert.equal(holds(allOctets(directory), Buffer.from(SET_1.k, 'hex')), false, at);
    if (done) break;
  }
});
