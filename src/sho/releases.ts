import { type Clock, codeOf, equalBytes, GbaError, type Random, type Sealer, SecretKey, toHex } from '../base/index.ts';
import type { StepEvent } from '../flow/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import type { Entry, Op, Store } from '../store/index.ts';
import {
  blindBtid,
  type Claims,
  countersign,
  encodeClaims,
  newReleaseGrant,
  readConsent,
  releaseLock,
} from '../token/index.ts';
import type { Certificate, Signer } from '../x509/index.ts';
import type { Bootstraps } from './bootstraps.ts';
import type { ShoConfig } from './config.ts';
import type { Contracts } from './contracts.ts';
import { type ReleaseEvent, type ReleaseState, releaseFlow } from './flows.ts';
import {
  claimsOf,
  findRelease,
  OPEN_RELEASE,
  openGrant,
  RELEASE,
  type ReleaseRecord,
  sealGrant,
} from './release-record.ts';
import { createRepeats, fingerprint } from './repeats.ts';

export interface ReleaseOrder {
  m2meId: string;
  newSho: { id: string; keyHashes: Buffer[] };
  roId: string;
  validitySeconds?: number | undefined;
  /** How the machine will show the old SHO's consent; default: by its GBA bootstrapping. */
  variant?: 'gba' | 'signed' | undefined;
}

/** `token` when there is one; else the machine has to sign `claims` (DER) first. */
export interface IssuedRelease {
  serial: string;
  claims: Buffer;
  token?: Buffer;
}

export interface ReleaseDeps {
  config: ShoConfig;
  store: Store;
  clock: Clock;
  random: Random;
  sealer: Sealer;
  contracts: Contracts;
  bootstraps: Bootstraps;
  /** Countersigns tokens of the signed variant. */
  signer: Signer;
  /** Throws when a device certificate is not to be trusted for this machine now: chain, name, revocation. */
  verifyDevice(certificate: Certificate, m2meId: string): void;
  onStep?: ((event: StepEvent) => void) | undefined;
}

export type Releases = ReturnType<typeof createReleases>;

/** The old SHO's consent (step 0): tokens for owners, by contract, one open release a machine. */
export function createReleases(deps: ReleaseDeps) {
  const { config, store, clock, random, sealer, contracts, bootstraps, onStep } = deps;
  const repeats = createRepeats(store, clock);
  const shown = (m2meId: string, serial: string): void =>
    onStep?.({ step: 0, party: config.id, to: 'owner', what: `token for ${m2meId}`, serial });

  function tokenOf(serial: string, record: ReleaseRecord): Buffer | undefined {
    if (record.state === 'composed') return undefined;
    if (record.token !== undefined) return Buffer.from(record.token, 'base64');
    const grant = openGrant(sealer, serial, record);
    try {
      return grant.issue();
    } finally {
      grant.erase();
    }
  }

  function answerOf(serial: string, record: ReleaseRecord): IssuedRelease {
    const token = tokenOf(serial, record);
    const claims = Buffer.from(record.claims, 'base64');
    return { serial, claims, ...(token === undefined ? {} : { token }) };
  }

  /** Does the open release say just what is ordered again? */
  function isSame(record: ReleaseRecord, order: ReleaseOrder): boolean {
    const { newSho, roId, bootstrap } = claimsOf(record);
    const sameKeys =
      newSho.keyHashes.length === order.newSho.keyHashes.length &&
      newSho.keyHashes.every((hash, i) => hash.equals(order.newSho.keyHashes[i] ?? Buffer.alloc(0)));
    const signed = order.variant === 'signed';
    return sameKeys && newSho.id === order.newSho.id && roId === order.roId && 'device' in bootstrap === signed;
  }

  /** What stands in the way of a new release: the same order again is the same release; one without a token gives way. */
  async function standing(order: ReleaseOrder): Promise<{ again?: IssuedRelease; version: number; ops: Op[] }> {
    const open = await store.get<string>(OPEN_RELEASE, order.m2meId);
    if (open === undefined) return { version: 0, ops: [] };
    const entry = await findRelease(store, open.value);
    if (entry === undefined) return { version: open.version, ops: [] };
    const usable = ['composed', 'issued'].includes(entry.value.state) && clock.now() <= claimsOf(entry.value).notAfter;
    if (usable && isSame(entry.value, order)) {
      return { again: answerOf(open.value, entry.value), version: open.version, ops: [] };
    }
    if (entry.value.state !== 'composed') throw releaseOpen();
    return { version: open.version, ops: [moveOp(entry, 'withdraw')] };
  }

  /** What a request under this key made, however it has ended since. */
  async function madeBefore(peer: PeerIdentity | undefined, order: ReleaseOrder, key: string | undefined) {
    if (key === undefined || peer === undefined) return undefined;
    const serial = await repeats.made(peer.spkiSha256, key, requestOf(order));
    const entry = serial === undefined ? undefined : await findRelease(store, serial);
    return entry === undefined ? undefined : answerOf(entry.key, entry.value);
  }

  function keepOps(peer: PeerIdentity | undefined, order: ReleaseOrder, key: string | undefined, serial: string): Op[] {
    if (key === undefined || peer === undefined) return [];
    return [repeats.keepOp(peer.spkiSha256, key, requestOf(order), serial)];
  }

  async function composeClaims(order: ReleaseOrder, serial: Buffer, r: SecretKey) {
    const now = clock.now();
    const validity = Math.min(order.validitySeconds ?? config.tokenValiditySeconds, config.tokenValiditySeconds);
    const common = {
      version: 1 as const,
      serial,
      m2meId: order.m2meId,
      newSho: order.newSho,
      roId: order.roId,
      permissions: { install: true, unregister: true },
      notBefore: Math.floor(now / 1000) * 1000,
      releaseLock: releaseLock(r.bytes()),
    };
    const until = (end: number) => Math.floor(Math.min(now + validity * 1000, end) / 1000) * 1000;
    if (order.variant === 'signed') {
      const device = await bootstraps.device(order.m2meId);
      deps.verifyDevice(device, order.m2meId);
      const bootstrap = { device: Buffer.from(device.spkiSha256, 'hex') };
      const claims: Claims = { ...common, bootstrap, notAfter: until(device.notAfter) };
      return { claims, ksNaf: undefined };
    }
    const { btid, ksNaf, keyExpiry } = await bootstraps.live(order.m2meId);
    const bootstrap = { blinded: blindBtid(ksNaf, serial, btid) };
    const claims: Claims = { ...common, bootstrap, notAfter: until(keyExpiry) };
    return { claims, ksNaf };
  }

  function moveOp(entry: Entry<ReleaseRecord>, event: ReleaseEvent, change: Partial<ReleaseRecord> = {}): Op {
    const { key, value, version } = entry;
    const put = { ...value, ...change, state: releaseFlow.next(value.state, event) };
    return { space: RELEASE, key, expect: version, put };
  }

  async function ownRelease(peer: PeerIdentity | undefined, serial: string): Promise<Entry<ReleaseRecord>> {
    const entry = await findRelease(store, serial);
    if (entry === undefined) throw unknownRelease();
    await contracts.onceOwnedBy(peer, entry.value.m2meId).catch((error: unknown) => {
      // A stranger does not learn which serials are here.
      throw codeOf(error) === 'not-owner' ? unknownRelease() : error;
    });
    return entry;
  }

  /** From now on the machine is asked for the token; claims that have no token yet just end. */
  async function askBack(entry: Entry<ReleaseRecord>): Promise<ReleaseState> {
    const { state, m2meId } = entry.value;
    const event = state === 'composed' ? 'withdraw' : 'recall';
    const close: Op[] = state === 'composed' ? [{ space: OPEN_RELEASE, key: m2meId, delete: true }] : [];
    if (!(await store.commit([moveOp(entry, event), ...close]))) throw changing();
    return releaseFlow.next(state, event);
  }

  return {
    /** `key`: the client's name for this request, the same for each repeat. */
    async issue(peer: PeerIdentity | undefined, order: ReleaseOrder, key?: string): Promise<IssuedRelease> {
      const machine = await contracts.ownedBy(peer, order.m2meId);
      const made = await madeBefore(peer, order, key);
      if (made !== undefined) return made;
      const { again, version, ops } = await standing(order);
      if (again !== undefined) {
        await store.commit(keepOps(peer, order, key, again.serial));
        return again;
      }
      const serial = random.bytes(16);
      const name = toHex(serial);
      const r = SecretKey.adopt(random.bytes(32));
      const { claims, ksNaf } = await composeClaims(order, serial, r);
      const grant = newReleaseGrant(claims, r, ksNaf);
      ksNaf?.erase();
      const token = grant.issue();
      const put: ReleaseRecord = {
        v: 1,
        // Where our word alone makes the token, composing it is consenting.
        state: token === undefined ? releaseFlow.initial : releaseFlow.next(releaseFlow.initial, 'consent'),
        m2meId: order.m2meId,
        impi: machine.impi,
        claims: encodeClaims(claims).toString('base64'),
        sealed: sealGrant(sealer, name, grant),
      };
      grant.erase();
      const done = await store.commit([
        ...ops,
        ...keepOps(peer, order, key, name),
        { space: RELEASE, key: name, expect: 0, put },
        { space: OPEN_RELEASE, key: order.m2meId, expect: version, put: name },
      ]);
      if (!done) throw releaseOpen();
      if (token !== undefined) shown(order.m2meId, name);
      return answerOf(name, put);
    },

    /** Signed variant: the machine has signed the claims; our countersignature makes the token. A repeat gets the same. */
    async consent(peer: PeerIdentity | undefined, serial: string, signature: Uint8Array): Promise<IssuedRelease> {
      const entry = await ownRelease(peer, serial);
      const record = entry.value;
      if (record.token !== undefined) return answerOf(serial, record);
      const claims = claimsOf(record);
      if (record.state !== 'composed' || !('device' in claims.bootstrap)) {
        throw new GbaError('release-not-composed', 'this release waits for no signature');
      }
      if (clock.now() > claims.notAfter) throw new GbaError('token-expired', 'the claims have run out');
      const claimsDer = Buffer.from(record.claims, 'base64');
      const device = await readConsent(signature, claimsDer);
      if (!equalBytes(Buffer.from(device.spkiSha256, 'hex'), claims.bootstrap.device)) {
        throw new GbaError('token-device-unknown', 'the claims were signed by another key than that of the machine');
      }
      deps.verifyDevice(device, record.m2meId);
      const token = (await countersign(claimsDer, signature, deps.signer)).toString('base64');
      if (!(await store.commit([moveOp(entry, 'consent', { token })]))) throw changing();
      shown(record.m2meId, serial);
      return answerOf(serial, { ...record, state: 'issued', token });
    },

    /**
     * Tokens that ran out and came back from nobody: their machine may never have heard of them, and while they are open it
     * gets no other. Only the machine can end them, so it is asked; claims that nobody signed just end.
     */
    async lapse(): Promise<void> {
      for (const { value: serial } of await store.list<string>(OPEN_RELEASE)) {
        const entry = await findRelease(store, serial);
        if (entry === undefined || clock.now() <= claimsOf(entry.value).notAfter + config.clockSkewSeconds * 1000)
          continue;
        if (entry.value.state === 'composed' || entry.value.state === 'issued') await askBack(entry);
      }
    },

    async stateOf(peer: PeerIdentity | undefined, serial: string) {
      const { m2meId, state } = (await ownRelease(peer, serial)).value;
      return { serial, m2meId, state };
    },

    /** The owner, or we, want it back: without a token it just ends, otherwise the machine is asked. */
    async recall(peer: PeerIdentity | undefined, serial: string): Promise<{ serial: string; state: ReleaseState }> {
      const ours = peer?.names.includes(config.id) === true;
      const entry = ours ? await findRelease(store, serial) : await ownRelease(peer, serial);
      if (entry === undefined) throw unknownRelease();
      const { state } = entry.value;
      if (state === 'recalling' || state === 'returned') return { serial, state };
      if (state !== 'composed' && state !== 'issued') {
        throw new GbaError('too-late', 'the machine has discarded its subscription already');
      }
      return { serial, state: await askBack(entry) };
    },
  };
}

function requestOf({ m2meId, newSho, roId, validitySeconds, variant = 'gba' }: ReleaseOrder): string {
  const wish = [m2meId, newSho.id, roId, String(validitySeconds ?? ''), variant];
  return fingerprint(...wish, ...newSho.keyHashes);
}

const unknownRelease = (): GbaError => new GbaError('release-unknown', 'no such release');
const releaseOpen = (): GbaError => new GbaError('release-open', 'this machine has an open release already');
const changing = (): GbaError => new GbaError('conflict', 'the release is being changed', { retryable: true });
