import { type Clock, GbaError, type Random, type Sealer, SecretKey, toHex } from '../base/index.ts';
import type { StepEvent } from '../flow/index.ts';
import { UA_TOKEN } from '../gba/index.ts';
import type { PeerIdentity } from '../http/index.ts';
import type { ZnClient } from '../naf/index.ts';
import type { Op, Store } from '../store/index.ts';
import {
  blindBtid,
  type Claims,
  decodeClaims,
  deriveTokenKeys,
  encodeClaims,
  makeAcknowledgement,
  makeToken,
  readReturn,
  readUnregistration,
  releaseLock,
} from '../token/index.ts';
import type { ShoConfig } from './config.ts';
import { CUSTOMER } from './customers.ts';
import { type ReleaseState, releaseFlow } from './flows.ts';
import { eraseRelease, openRelease, sealRelease } from './secrets.ts';

const RELEASE = 'release';
const OPEN = 'open-release';
const BOOTSTRAP = 'bootstrap';

/** The live bootstrap of a machine, learnt over Ua (step 0); Ks_NAF(token) sealed. */
interface BootstrapRecord {
  v: 1;
  btid: string;
  impi: string;
  sealedKey: string;
  keyExpiry: number;
}

interface ReleaseRecord {
  v: 1;
  state: ReleaseState;
  m2meId: string;
  impi: string;
  /** DER of the claims, base64. */
  claims: string;
  sealed: string;
  /** SHA-256 of the discard record, hexadecimal: with the serial, what the tombstone keeps. */
  discardRecord?: string;
}

export interface ReleaseOrder {
  m2meId: string;
  newSho: { id: string; keyHashes: Buffer[] };
  roId: string;
  validitySeconds?: number | undefined;
}

export interface ReleaseDeps {
  config: ShoConfig;
  store: Store;
  clock: Clock;
  random: Random;
  sealer: Sealer;
  zn: ZnClient;
  /** HSS and BSF stop serving this IMPI; may be repeated. */
  removeSubscriber(impi: string): Promise<void>;
  onStep?: ((event: StepEvent) => void) | undefined;
}

export type Releases = ReturnType<typeof createReleases>;

/** The old SHO's part: learns bootstraps, issues tokens to owners, lets machines go. */
export function createReleases({ config, store, clock, random, sealer, zn, removeSubscriber, onStep }: ReleaseDeps) {
  const bootstrapContext = (m2meId: string): string => `sho bootstrap ${m2meId}`;

  const customerOf = async (m2meId: string) =>
    (await store.get<{ owner: string; impi: string }>(CUSTOMER, m2meId))?.value;

  /** The contract by which `peer` owns the machine; strangers learn nothing of who does. */
  async function contractOf(peer: PeerIdentity | undefined, m2meId: string): Promise<{ impi: string }> {
    const owner = config.owners.find((one) => peer?.spkiSha256 === one.spkiSha256 && peer.names.includes(one.name));
    const configured = owner?.machines.find((one) => one.m2meId === m2meId);
    const customer = await customerOf(m2meId);
    const machine = customer?.owner === peer?.spkiSha256 ? (customer ?? configured) : configured;
    if (machine === undefined) throw new GbaError('not-owner', 'this certificate does not own such a machine');
    return machine;
  }

  async function learnBootstrap(m2meId: string, gba: { btid: string; impi?: string }): Promise<void> {
    const configured = config.owners.flatMap((owner) => owner.machines).find((one) => one.m2meId === m2meId);
    const machine = (await customerOf(m2meId)) ?? configured;
    if (machine === undefined || gba.impi !== machine.impi) {
      throw new GbaError('bootstrap-of-another', 'this bootstrap is not of that machine');
    }
    const { ksNaf, keyExpiry } = await zn.fetch({ btid: gba.btid, nafFqdn: config.id, uaId: UA_TOKEN });
    const sealedKey = sealer.seal(ksNaf.bytes(), bootstrapContext(m2meId));
    ksNaf.erase();
    const put: BootstrapRecord = { v: 1, btid: gba.btid, impi: machine.impi, sealedKey, keyExpiry };
    await store.commit([{ space: BOOTSTRAP, key: m2meId, put, expiresAt: keyExpiry }]);
    onStep?.({ step: 0, party: config.id, what: `knows the live B-TID of ${m2meId}` });
  }

  /** The token of an open release that says just what is ordered again. */
  async function sameAgain(serial: string, order: ReleaseOrder): Promise<{ serial: string; token: Buffer }> {
    const record = (await store.get<ReleaseRecord>(RELEASE, serial))?.value;
    const claims = record === undefined ? undefined : decodeClaims(Buffer.from(record.claims, 'base64'));
    const sameKeys =
      claims?.newSho.keyHashes.length === order.newSho.keyHashes.length &&
      claims.newSho.keyHashes.every((hash, i) => hash.equals(order.newSho.keyHashes[i] ?? Buffer.alloc(0)));
    const same = sameKeys && claims.newSho.id === order.newSho.id && claims.roId === order.roId;
    if (record?.state !== 'issued' || !same || claims === undefined) {
      throw new GbaError('release-open', 'this machine has an open release already');
    }
    const secrets = openRelease(sealer, serial, record.sealed);
    const token = makeToken(claims, secrets.keys);
    eraseRelease(secrets);
    return { serial, token };
  }

  async function issue(
    peer: PeerIdentity | undefined,
    order: ReleaseOrder,
  ): Promise<{ serial: string; token: Buffer }> {
    const machine = await contractOf(peer, order.m2meId);
    const open = await store.get<string>(OPEN, order.m2meId);
    if (open !== undefined) return await sameAgain(open.value, order);
    const bootstrap = (await store.get<BootstrapRecord>(BOOTSTRAP, order.m2meId))?.value;
    if (bootstrap === undefined) {
      throw new GbaError('bootstrap-missing', 'the machine has no live bootstrap here yet', { retryable: true });
    }
    const now = clock.now();
    const validity = Math.min(order.validitySeconds ?? config.tokenValiditySeconds, config.tokenValiditySeconds);
    const serial = random.bytes(16);
    const name = toHex(serial);
    const r = SecretKey.adopt(random.bytes(32));
    const ksNaf = sealer.open(bootstrap.sealedKey, bootstrapContext(order.m2meId));
    const claims: Claims = {
      version: 1,
      serial,
      bootstrap: { blinded: blindBtid(ksNaf, serial, bootstrap.btid) },
      m2meId: order.m2meId,
      newSho: order.newSho,
      roId: order.roId,
      permissions: { install: true, unregister: true },
      notBefore: Math.floor(now / 1000) * 1000,
      notAfter: Math.floor(Math.min(now + validity * 1000, bootstrap.keyExpiry) / 1000) * 1000,
      releaseLock: releaseLock(r.bytes()),
    };
    const secrets = { keys: deriveTokenKeys(ksNaf, serial), r };
    ksNaf.erase();
    const token = makeToken(claims, secrets.keys);
    const put: ReleaseRecord = {
      v: 1,
      state: releaseFlow.next(releaseFlow.initial, 'consent'),
      m2meId: order.m2meId,
      impi: machine.impi,
      claims: encodeClaims(claims).toString('base64'),
      sealed: sealRelease(sealer, name, secrets),
    };
    eraseRelease(secrets);
    const done = await store.commit([
      { space: RELEASE, key: name, expect: 0, put },
      { space: OPEN, key: order.m2meId, expect: 0, put: name },
    ]);
    if (!done) throw new GbaError('release-open', 'this machine has an open release already');
    onStep?.({ step: 0, party: config.id, to: 'owner', what: `token for ${order.m2meId}`, serial: name });
    return { serial: name, token };
  }

  /**
   * Steps 9 and 10. Whatever is wrong looks alike from outside. The acknowledgement follows from what the tombstone keeps
   * (serial, r, K_ack), so every repeat gets the same octets.
   */
  async function unregister(der: Uint8Array): Promise<Buffer> {
    const message = readUnregistration(der);
    const serial = toHex(message.serial);
    const entry = await store.get<ReleaseRecord>(RELEASE, serial);
    const refuse = (): never => {
      throw new GbaError('unregistration-invalid', 'the unregistration is not valid');
    };
    if (entry === undefined) return refuse();
    const record = entry.value;
    const secrets = openRelease(sealer, serial, record.sealed);
    try {
      const claims = decodeClaims(Buffer.from(record.claims, 'base64'));
      const genuine = message.matches(secrets.keys.unregister) && message.m2meId === record.m2meId;
      if (!genuine || record.state === 'returned' || !claims.permissions.unregister) return refuse();
      if (record.discardRecord !== undefined && record.discardRecord !== toHex(message.discardRecord)) return refuse();
      if (record.state === 'issued') {
        const put: ReleaseRecord = {
          ...record,
          state: releaseFlow.next(record.state, 'unregistration'),
          discardRecord: toHex(message.discardRecord),
        };
        const done = await store.commit([{ space: RELEASE, key: serial, expect: entry.version, put }]);
        if (!done) throw new GbaError('conflict', 'the release is being changed', { retryable: true });
      }
      const acknowledgement = makeAcknowledgement({ serial: message.serial, r: secrets.r.bytes() }, secrets.keys.ack);
      await letGo(serial);
      return acknowledgement;
    } finally {
      eraseRelease(secrets);
    }
  }

  /** From `letting-go` to `gone`: HSS and BSF first, then the tombstone. Safe to repeat. */
  async function letGo(serial: string): Promise<void> {
    const entry = await store.get<ReleaseRecord>(RELEASE, serial);
    if (entry?.value.state !== 'letting-go') return;
    const record = entry.value;
    await removeSubscriber(record.impi);
    const ops: Op[] = [
      {
        space: RELEASE,
        key: serial,
        expect: entry.version,
        put: { ...record, state: releaseFlow.next(record.state, 'removed') },
      },
      { space: OPEN, key: record.m2meId, delete: true },
      { space: BOOTSTRAP, key: record.m2meId, delete: true },
      { space: CUSTOMER, key: record.m2meId, delete: true },
    ];
    if (await store.commit(ops)) onStep?.({ step: 10, party: config.id, to: record.m2meId, what: 'let go', serial });
  }

  async function takeBack(der: Uint8Array): Promise<void> {
    const message = readReturn(der);
    const serial = toHex(message.serial);
    const entry = await store.get<ReleaseRecord>(RELEASE, serial);
    const refuse = (): never => {
      throw new GbaError('return-invalid', 'the return is not valid');
    };
    if (entry === undefined) return refuse();
    const record = entry.value;
    const secrets = openRelease(sealer, serial, record.sealed);
    const genuine = message.matches(secrets.keys.return) && message.m2meId === record.m2meId;
    eraseRelease(secrets);
    if (!genuine) return refuse();
    if (record.state === 'returned') return;
    if (record.state !== 'issued') return refuse();
    const done = await store.commit([
      {
        space: RELEASE,
        key: serial,
        expect: entry.version,
        put: { ...record, state: releaseFlow.next(record.state, 'return') },
      },
      { space: OPEN, key: record.m2meId, delete: true },
    ]);
    if (!done) throw new GbaError('conflict', 'the release is being changed', { retryable: true });
  }

  return {
    learnBootstrap,
    issue,
    unregister,
    takeBack,
    async stateOf(peer: PeerIdentity | undefined, serial: string) {
      const record = (await store.get<ReleaseRecord>(RELEASE, serial))?.value;
      if (record === undefined) throw new GbaError('release-unknown', 'no such release');
      await contractOf(peer, record.m2meId);
      return { serial, m2meId: record.m2meId, state: record.state };
    },
    /** After a restart: what was being let go is let go. */
    async resume(): Promise<void> {
      for (const entry of await store.list<ReleaseRecord>(RELEASE)) {
        if (entry.value.state === 'letting-go') await letGo(entry.key);
      }
    },
  };
}
