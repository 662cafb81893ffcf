import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, SecretKey } from '../../src/base/index.ts';
import type { ChangeState } from '../../src/m2me/change-flow.ts';
import { acceptBoundToken, type BoundTokenCheck } from '../../src/m2me/procedures/accept-bound-token.ts';
import {
  type BoundToken,
  blindBtid,
  type Claims,
  deriveTokenKeys,
  encodeClaims,
  isNarrowed,
  machineGrant,
  makeToken,
  narrowToken,
  readBoundToken,
  readToken,
} from '../../src/token/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { EXAMPLE, exampleClaims, exampleKeys, fill } from '../support/claims.ts';

const NOW = Date.parse('2027-01-01T12:00:00Z');
const DIGEST = EXAMPLE.packageDigest;
const DAY = 86_400_000;
const device = await makeSigner('m2me-0001', await makeAuthority('Maker'));

function bound(
  change: Partial<Claims> = {},
  digest: Uint8Array = DIGEST,
  newSho?: string,
  keys = exampleKeys(),
): Buffer {
  const claims = exampleClaims(change);
  return narrowToken(readToken(makeToken(claims, keys)), digest, newSho ?? claims.newSho.id);
}

interface World extends Partial<BoundTokenCheck> {
  announced?: Partial<Claims> | false;
  state?: ChangeState;
  pinned?: boolean;
  bootstraps?: readonly { btid: string; ksNaf: SecretKey }[];
}

const LIVE = [{ btid: EXAMPLE.btid, ksNaf: EXAMPLE.ksNafToken }];

async function judge(octets: Buffer, world: World = {}): Promise<string> {
  const { announced = {}, state = 'announced', pinned = true, bootstraps = LIVE, ...check } = world;
  const claims = announced === false ? undefined : exampleClaims(announced);
  const known = claims && { claimsDer: encodeClaims(claims), state };
  const grant = machineGrant(Object.values(exampleKeys()), () => device);
  let token: BoundToken;
  try {
    token = await readBoundToken(octets);
  } catch (error) {
    return codeOf(error);
  }
  const own = token.claims.serial.equals(EXAMPLE.serial);
  const verdict = acceptBoundToken(token, {
    now: NOW,
    skewMs: 300_000,
    m2meId: 'm2me-0001',
    roId: 'ro.test',
    narrowed: isNarrowed(token, DIGEST, {
      pinned: pinned && own && claims !== undefined ? { grant, claims } : undefined,
      bootstraps,
      deviceKey: fill(0xde),
    }),
    waiting: EXAMPLE.serial.toString('hex'),
    known: (serial) => (serial === EXAMPLE.serial.toString('hex') ? known : undefined),
    ...check,
  });
  return verdict.ok ? 'accepted' : `${verdict.reason}${verdict.final ? ' (final)' : ''}`;
}

const refused = (name: string, octets: () => Buffer, expected: string, world?: World) =>
  test(name, async () => assert.equal(await judge(octets(), world), expected));

refused('octets that are not DER', () => Buffer.from('3003020101ff', 'hex'), 'token-der-invalid');
refused('one octet behind the token', () => Buffer.concat([bound(), Buffer.alloc(1)]), 'token-der-invalid');
refused(
  'the token of the subscriber itself, not narrowed to a package',
  () => makeToken(exampleClaims(), exampleKeys()),
  'token-der-invalid',
);
refused('claims of a later version', () => ofVersion2(), 'token-version-unknown');
refused('claims for another machine', () => bound({ m2meId: 'm2me-0002' }), 'token-wrong-machine');
refused(
  'a bootstrap of another machine',
  () => bound({ bootstrap: { blinded: blindBtid(SecretKey.copyOf(fill(3)), EXAMPLE.serial, EXAMPLE.btid) } }),
  'token-bootstrap-unknown',
);
refused('a bootstrap that has ended, of a serial nobody announced', () => bound(), 'token-bootstrap-unknown', {
  announced: false,
  bootstraps: [],
});
refused('an older B-TID of this machine under the key of the newest', () => bound(), 'token-bootstrap-unknown', {
  announced: false,
  bootstraps: [{ btid: EXAMPLE.btid.replace('AA', 'BB'), ksNaf: EXAMPLE.ksNafToken }],
});
refused('another package than the one bound', () => bound({}, fill(0xcd)), 'token-tag-mismatch');
refused('narrowed for another new SHO than the one named', () => bound({}, DIGEST, 'sho-c.test'), 'token-tag-mismatch');
refused(
  'made with keys of another serial',
  () => bound({}, DIGEST, undefined, deriveTokenKeys(EXAMPLE.ksNafToken, fill(1, 16))),
  'token-tag-mismatch',
);
refused('run out, beyond the skew', () => bound(), 'token-expired (final)', { now: NOW + DAY });
refused('run out, and nobody announced it: nothing to give back', () => bound(), 'token-expired', {
  now: NOW + DAY,
  announced: false,
});
refused('run out, but another serial is waiting: that one must not suffer', () => bound(), 'token-expired', {
  now: NOW + DAY,
  state: 'returned',
  waiting: 'bb'.repeat(16),
});
refused('not valid yet, beyond the skew', () => bound(), 'token-not-yet-valid', { now: NOW - DAY });
refused(
  'without permission to install',
  () => bound({ permissions: { install: false, unregister: true } }),
  'token-install-not-permitted (final)',
  { announced: { permissions: { install: false, unregister: true } } },
);
refused('not announced by the owner: perhaps later', () => bound(), 'token-not-announced', { announced: false });
refused('other claims than the owner announced', () => bound(), 'token-claims-differ', {
  announced: { newSho: { id: 'sho-c.test', keyHashes: [fill(0x11)] } },
});
refused('another RO than the one on this connection', () => bound(), 'token-wrong-ro', { roId: 'ro2.test' });
for (const state of ['stored', 'discarding', 'released', 'active-owing-9', 'finished'] as const) {
  refused(`serial in state ${state}`, () => bound(), 'token-serial-spent', { state });
}
refused('serial spent so long ago that its keys are gone', () => bound(), 'token-serial-spent', {
  state: 'finished',
  pinned: false,
  bootstraps: [],
});
refused('serial given back', () => bound(), 'token-returned', { state: 'returned', pinned: false });
refused('serial refused for good', () => bound(), 'token-returned', { state: 'refused', pinned: false });
refused('a newer instruction replaced this one', () => bound(), 'token-superseded', {
  state: 'superseded',
  pinned: false,
});

test('every single flipped bit is refused, and never for good', async () => {
  const good = bound();
  for (let bit = 0; bit < good.length * 8; bit++) {
    const flipped = Buffer.from(good);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const verdict = await judge(flipped);
    assert.ok(verdict !== 'accepted' && !verdict.includes('final'), `bit ${bit}: ${verdict}`);
  }
});

test('all holds: accepted by the pinned key when the bootstrap has ended, and by trying the live ones', async () => {
  assert.equal(await judge(bound(), { bootstraps: [] }), 'accepted');
  assert.equal(await judge(bound(), { pinned: false }), 'accepted');
  assert.equal(await judge(bound(), { state: 'attested' }), 'accepted');
});

test('the clock may be off by the configured skew on either end', async () => {
  const { notBefore, notAfter } = exampleClaims();
  assert.equal(await judge(bound(), { now: notBefore - 300_000 }), 'accepted');
  assert.equal(await judge(bound(), { now: notAfter + 300_000 }), 'accepted');
  assert.equal(await judge(bound(), { now: notBefore - 300_001 }), 'token-not-yet-valid');
  assert.equal(await judge(bound(), { now: notAfter + 300_001 }), 'token-expired (final)');
});

/** Version 2 in otherwise good claims: the INTEGER 02 01 01 is the first member. */
function ofVersion2(): Buffer {
  const octets = bound();
  const at = octets.indexOf(Buffer.from('020101', 'hex'));
  octets[at + 2] = 2;
  return octets;
}
