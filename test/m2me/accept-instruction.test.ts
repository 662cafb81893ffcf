import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '../../src/base/index.ts';
import type { ChangeState } from '../../src/m2me/change-flow.ts';
import { acceptInstruction, type InstructionCheck } from '../../src/m2me/procedures/accept-instruction.ts';
import {
  type Claims,
  encodeClaims,
  makeInstruction,
  readAnnouncement,
  readInstruction,
} from '../../src/token/index.ts';
import { readCertificate } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { EXAMPLE, exampleClaims, fill } from '../support/claims.ts';

const NOW = Date.parse('2027-01-01T12:00:00Z');
const SERIAL = EXAMPLE.serial.toString('hex');
const authority = await makeAuthority('Owner CA');
const owner = await makeSigner('owner.test', authority);
const stranger = await makeSigner('owner.test', authority);

interface World extends Partial<InstructionCheck> {
  number?: number;
  kind?: 'change' | 'cancel';
  to?: string;
  signer?: typeof owner;
  claims?: Partial<Claims>;
  claimsDer?: Buffer;
  knownAs?: ChangeState;
  knownClaims?: Partial<Claims>;
}

async function judge({ number = 6, kind = 'change', to = 'm2me-0001', ...world }: World = {}) {
  const claimsDer = world.claimsDer ?? encodeClaims(exampleClaims(world.claims));
  const signed = await makeInstruction({ m2meId: to, number, kind, announced: claimsDer }, world.signer ?? owner);
  const instruction = await readInstruction(signed);
  const state = world.knownAs;
  const announcement = await readAnnouncement(instruction.announced).catch((error: unknown) => codeOf(error));
  if (typeof announcement === 'string') return { ok: false, reason: announcement, final: false } as const;
  const verdict = acceptInstruction(instruction, announcement, {
    now: NOW,
    skewMs: 300_000,
    m2meId: 'm2me-0001',
    roId: 'ro.test',
    ownerKeySha256: readCertificate(owner.certificate).spkiSha256,
    highest: 5,
    bootstraps: world.bootstraps ?? [{ btid: EXAMPLE.btid, ksNaf: EXAMPLE.ksNafToken }],
    deviceKey: fill(0xde),
    isOldSho: () => true,
    known: (serial) =>
      state !== undefined && serial === SERIAL
        ? { claimsDer: encodeClaims(exampleClaims(world.knownClaims)), state }
        : undefined,
    open: world.open,
    ...(world.now !== undefined && { now: world.now }),
  });
  return verdict;
}

const refused = (name: string, world: World, reason: string) =>
  test(name, async () => {
    const verdict = await judge(world);
    assert.equal(verdict.ok ? 'accepted' : verdict.reason, reason);
  });

refused('signed by another key, even under the owner name', { signer: stranger }, 'instruction-not-owner');
refused('for another machine', { to: 'm2me-0002' }, 'instruction-wrong-machine');
refused('replayed', { number: 5 }, 'instruction-replayed');
refused('older than the highest', { number: 4 }, 'instruction-replayed');
refused('claims that are not DER', { claimsDer: Buffer.from('3000', 'hex') }, 'token-der-invalid');
refused('claims of another machine inside', { claims: { m2meId: 'm2me-0002' } }, 'token-wrong-machine');
refused('a bootstrap that the machine does not hold: said at once', { bootstraps: [] }, 'token-bootstrap-unknown');
refused('another RO than the machine has', { claims: { roId: 'ro2.test' } }, 'token-wrong-ro');
refused('a token that has run out', { now: NOW + 2 * 86_400_000 }, 'token-expired');
refused(
  'a token that installs nothing',
  { claims: { permissions: { install: false, unregister: true } } },
  'token-install-not-permitted',
);
refused(
  'a token with which the machine could never unregister',
  { claims: { permissions: { install: true, unregister: false } } },
  'token-unregister-not-permitted',
);
refused(
  'other claims under a serial that is known',
  { knownAs: 'announced', knownClaims: { releaseLock: fill(1) } },
  'token-claims-differ',
);
refused('a serial that was given back', { knownAs: 'returned' }, 'token-returned');
refused('a serial that a newer instruction replaced', { knownAs: 'superseded' }, 'token-superseded');
refused('a serial that is spent', { knownAs: 'finished' }, 'token-serial-spent');
refused('a serial past the point of no return', { knownAs: 'discarding' }, 'token-serial-spent');
refused(
  'a second change while another is past the point of no return',
  { open: { serial: 'bb'.repeat(16), state: 'discarded' } },
  'too-late',
);
refused('a cancel past the point of no return', { kind: 'cancel', knownAs: 'discarding' }, 'too-late');
refused('a cancel after the change', { kind: 'cancel', knownAs: 'finished' }, 'too-late');
refused('a second cancel', { kind: 'cancel', knownAs: 'returned' }, 'token-returned');
refused('a cancel of a token of another machine', { kind: 'cancel', bootstraps: [] }, 'token-bootstrap-unknown');

test('a new change is announced with keys to pin', async () => {
  const verdict = await judge();
  assert.ok(
    verdict.ok && verdict.effect === 'announce' && verdict.secrets !== undefined && verdict.replaces === undefined,
  );
});

test('a newer change replaces one that is before the point of no return', async () => {
  const verdict = await judge({ open: { serial: 'bb'.repeat(16), state: 'attested' } });
  assert.ok(verdict.ok && verdict.replaces === 'bb'.repeat(16));
});

test('a change that only owes messages does not keep the owner from ordering the next', async () => {
  const verdict = await judge({ open: { serial: 'bb'.repeat(16), state: 'active-owing-9' } });
  assert.ok(verdict.ok && verdict.replaces === undefined);
});

test('the same claims under a higher number renew the announcement', async () => {
  const verdict = await judge({ knownAs: 'attested', open: { serial: SERIAL, state: 'attested' } });
  assert.ok(verdict.ok && verdict.effect === 'renew');
});

test('a cancel is taken before the point of no return, and for a token never announced', async () => {
  const known = await judge({ kind: 'cancel', knownAs: 'stored' });
  assert.ok(known.ok && known.effect === 'cancel');
  const unknown = await judge({ kind: 'cancel' });
  assert.ok(unknown.ok && unknown.effect === 'cancel' && unknown.secrets !== undefined);
});
