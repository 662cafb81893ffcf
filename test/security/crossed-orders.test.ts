import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemRandom, toHex } from '../../src/base/index.ts';
import { packageDigest, verifyPackage } from '../../src/mcim/index.ts';
import { encodeClaims, makeToken, narrowToken, readToken } from '../../src/token/index.ts';
import { signCms } from '../../src/x509/index.ts';
import { type Change, startWorld, stranger, type World } from '../m2me/world.ts';

const worlds: World[] = [];
after(() => Promise.all(worlds.map((world) => world.close())));

async function announced() {
  const world = await startWorld();
  worlds.push(world);
  await world.start();
  await world.poke();
  const change = world.release();
  await world.instruct(change);
  await world.poke();
  return { world, change, octets: await world.packageFor(change) };
}

/** Name and octets of every file of the TRE but what a download in progress may leave. */
function imageOf({ config }: World, aside: RegExp = /^$/): Record<string, string> {
  const names = readdirSync(config.treDir).filter((name) => !aside.test(name));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(config.treDir, name)).toString('hex')]));
}

const narrowed = (change: Pick<Change, 'token'>, octets: Buffer): Buffer =>
  narrowToken(readToken(change.token), packageDigest(octets), 'sho-b.test');

/** What the RO hands out is refused with `reason`; slots, journal and the old SHO's release are as they were. */
async function refuses(world: World, offer: NonNullable<World['ro']['delivery']>, reason: string): Promise<void> {
  const [journal, image] = [await world.journal(), imageOf(world, NOT_SLOTS)];
  world.ro.delivery = offer;
  await world.poke();
  const { change, operator } = await world.status();
  assert.equal(change?.lastRefusal, reason);
  assert.deepEqual([operator, world.oldSho.returned.size], ['sho-a.test', 0]);
  assert.equal(await world.journal(), journal);
  assert.deepEqual(imageOf(world, NOT_SLOTS), image);
}
/** Keys pinned for a serial: nothing is active by them. */
const NOT_SLOTS = /^(?!slot)/;

test('two orders in flight: whatever the RO crosses of token, digest, package and chunks is refused', async () => {
  const { world, change, octets } = await announced();
  const other = world.release();
  const others = await world.packageFor(other);
  const { serial } = change;
  const token = narrowed(change, octets);
  const digest = packageDigest(octets);
  await refuses(world, { serial, boundToken: token, octets: others }, 'token-tag-mismatch');
  await refuses(world, { serial, boundToken: token, octets, digest: packageDigest(others) }, 'token-tag-mismatch');
  await refuses(
    world,
    { serial: other.serial, boundToken: narrowed(other, others), octets: others },
    'token-not-announced',
  );
  await refuses(world, { serial, boundToken: narrowed(other, octets), octets }, 'token-not-announced');
  const claims = { ...change.claims, m2meId: 'm2me-0002' };
  const foreign = narrowed({ token: makeToken(claims, change.keys) }, octets);
  await refuses(world, { serial, boundToken: foreign, octets }, 'token-wrong-machine');
  await refuses(
    world,
    { serial, boundToken: token, octets: others, digest, size: octets.length },
    others.length < octets.length ? 'package-unavailable' : 'package-digest-mismatch',
  );
  let chunk = 0;
  const mixed = Buffer.concat([others, Buffer.alloc(octets.length)]).subarray(0, octets.length);
  world.ro.send = (whole) => (chunk++ === 0 ? whole : mixed);
  await refuses(world, { serial, boundToken: token, octets }, 'package-digest-mismatch');
  assert.ok(chunk > 1, 'there was more than one chunk');
  world.ro.send = (whole) => whole;
  await world.deliver(change, octets);
  await world.poke();
  assert.equal((await world.status()).change?.state, 'finished');
});

test('a package signed again by somebody else over the same envelope is refused, with a stolen token too', async () => {
  const { world, change, octets } = await announced();
  const { envelope } = await verifyPackage(octets);
  const signedAgain = await signCms(envelope, stranger);
  const offer = { serial: change.serial, boundToken: narrowed(change, signedAgain), octets: signedAgain };
  await refuses(world, offer, 'package-signer-unknown');
});

test('I2: every claim changed by itself, and one bit of each tag: refused, and not one octet of the TRE differs', async () => {
  const { world, change, octets } = await announced();
  const { claims, keys } = change;
  const token = narrowed(change, octets);
  const before = imageOf(world);
  const flips = [3, 40, encodeClaims(claims).length - 2, token.length - 1].map((at) => {
    const broken = Buffer.from(token);
    broken.writeUInt8(broken.readUInt8(at) ^ 1, at);
    return broken;
  });
  const changes: Partial<typeof claims>[] = [
    { serial: systemRandom.bytes(16) },
    { bootstrap: { blinded: systemRandom.bytes(32) } },
    { bootstrap: { btid: world.oldSho.btid } },
    { bootstrap: { device: systemRandom.bytes(32) } },
    { m2meId: 'm2me-0002' },
    { newSho: { ...claims.newSho, id: 'sho-c.test' } },
    { newSho: { ...claims.newSho, keyHashes: [systemRandom.bytes(32)] } },
    { roId: 'ro2.test' },
    { permissions: { install: false, unregister: true } },
    { permissions: { install: true, unregister: false } },
    { notBefore: claims.notBefore - 1000 },
    { notAfter: claims.notAfter + 1000 },
    { releaseLock: systemRandom.bytes(32) },
  ];
  const forged = changes.map((one) => narrowed({ token: makeToken({ ...claims, ...one }, keys) }, octets));
  for (const boundToken of [...flips, ...forged]) {
    const journal = await world.journal();
    world.ro.delivery = { serial: change.serial, boundToken, octets };
    await world.poke();
    const { change: now, operator } = await world.status();
    assert.match(now?.lastRefusal ?? '', /^token-/);
    assert.equal(operator, 'sho-a.test');
    assert.equal(await world.journal(), journal);
    assert.deepEqual(imageOf(world), before);
  }
});

test('a hundred partial downloads, with chunks too short or of other octets, leave one file at most', async () => {
  const { world, change, octets } = await announced();
  const boundToken = narrowed(change, octets);
  const wrong = [octets.subarray(0, 10), Buffer.alloc(0), Buffer.alloc(100_000)];
  for (let i = 0; i < 100; i++) {
    let chunk = 0;
    world.ro.send = (whole) => {
      const from = chunk * 1024;
      return chunk++ === 0 ? whole : Buffer.concat([Buffer.alloc(from), wrong[i % wrong.length] ?? Buffer.alloc(0)]);
    };
    world.ro.delivery = { serial: change.serial, boundToken, octets };
    await world.poke();
    const left = readdirSync(world.config.treDir).filter((name) => name.includes('download'));
    assert.ok(left.length <= 1, left.join());
  }
  for (const size of [65_537, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    world.ro.delivery = { serial: change.serial, boundToken, octets, size };
    await world.poke();
    assert.equal((await world.status()).change?.lastRefusal, 'package-too-large');
  }
  world.ro.send = (whole) => whole;
  await world.deliver(change, octets);
  await world.poke();
  assert.equal((await world.status()).change?.state, 'finished');
});

test('an older copy of the TRE put back after step 10: nobody serves its subscription, no serial counts twice', async () => {
  const { world, change, octets } = await announced();
  const copy = mkdtempSync(join(tmpdir(), 'gba-older-'));
  cpSync(world.config.treDir, copy, { recursive: true });
  await world.deliver(change, octets);
  await world.poke();
  assert.equal((await world.status()).change?.state, 'finished');
  await world.stop();
  rmSync(world.config.treDir, { recursive: true });
  cpSync(copy, world.config.treDir, { recursive: true });
  await world.start();
  await world.poke();
  assert.equal((await world.local<{ bsf?: string }>('POST', '/local/v1/bootstrap')).bsf, undefined);
  const again = await world.instruct(change);
  assert.equal(again.cause, 'token-serial-spent');
  assert.deepEqual([...world.oldSho.letGo], [toHex(change.claims.serial)]);
});
