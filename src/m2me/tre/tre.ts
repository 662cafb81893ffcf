import type { KeyObject } from 'node:crypto';
import { type Clock, GbaError, type Random, type Sealer, type SecretKey } from '../../base/index.ts';
import type { Mcim } from '../../mcim/index.ts';
import { type MachineGrant, machineGrant } from '../../token/index.ts';
import type { Signer } from '../../x509/index.ts';
import { createVault } from './compartment.ts';
import { type Device, openDevice } from './device.ts';
import type { DurableFiles } from './durable-file.ts';
import { createTurns } from './in-turn.ts';
import { createPins, type DiscardRecord, discardDigest, type KeptSession, type Pins } from './pins.ts';
import { type Domain, openSlots } from './slots.ts';
import {
  authenticate,
  type ContextInfo,
  forgetTmpi,
  keepContext,
  liveContexts,
  type NafKey,
  nafKeys,
  readMcim,
  readTmpi,
  type TreAnswer,
} from './usim.ts';

export interface TreOptions {
  directory: string;
  files: DurableFiles;
  m2meId: string;
  /** Root of the sealing: each slot's key stands sealed under it. */
  root: Sealer;
  clock: Clock;
  random: Random;
  /** Device signing key (quotes, signed variant) put in at manufacture; without it the TRE makes one. */
  device: Signer | undefined;
  /** Decryption key (packages). */
  decryption: { key: KeyObject; certificate: Buffer };
}

/** The subscription in use, without its secrets; `serial` (hex) of the change that brought it, null for the first one. */
export interface Identity extends Pick<Mcim, 'impi' | 'bsf' | 'sho'> {
  serial: string | null;
}

/**
 * The trusted environment of the machine: sealed files in one directory, each operator's subscription in a slot under a
 * key of its own. K, OPc, the SQN array and Ks never leave this folder; keys derived for one purpose do.
 *
 * A software TRE cannot notice that its whole directory was put back to an older copy.
 */
export interface Tre {
  readonly device: Device;
  readonly decryption: { key: KeyObject; certificate: Buffer };
  readonly pins: Pins;
  /** Undefined between step 8 and step 12. */
  identity(): Identity | undefined;
  commission(mcim: Mcim): Promise<void>;
  /** AUTHENTICATE on the slot in use. Throws `no-subscription`, as everything below that needs one. */
  authenticate(rand: Uint8Array, autn: Uint8Array): Promise<TreAnswer>;
  keepContext(context: ContextInfo, ks: SecretKey, withTmpi: boolean): Promise<void>;
  contexts(): Promise<ContextInfo[]>;
  tmpi(): Promise<string | undefined>;
  forgetTmpi(): Promise<void>;
  /** Ks_NAF of all live contexts, newest first; none without a subscription. */
  nafKeys(fqdn: string, uaId: Uint8Array): Promise<NafKey[]>;
  /** What the token announced for this serial allows; undefined when nothing of it is pinned. The caller erases it. */
  grant(serial: string): Promise<MachineGrant | undefined>;
  /**
   * The access domain of one operator: no call through it touches another operator's slot. Filling or binding is refused
   * with `discard-begun` once another one that waits is the only way back; `dropPending` likewise.
   */
  domain(operator: string): Domain;
  pendingReady(serial: string): Promise<boolean>;
  /** Serial of the pending slot. */
  pendingSerial(): string | undefined;
  dropPending(): Promise<void>;
  /**
   * Step 8: the record is durable first, then the slot's key, its data and all contexts are erased. Refused with
   * `discard-without-pending` while no complete new subscription of this serial waits. Finishes what a power cut left.
   */
  discard(serial: string, keep: readonly { fqdn: string; uaId: Uint8Array }[]): Promise<DiscardRecord>;
  /** Step 9, from a durable record of a finished discard only: else `discard-record-missing`. */
  unregistration(serial: string): Promise<Buffer>;
  /** Step 12: the pending slot becomes the one in use. */
  activate(serial: string): Promise<void>;
}

export async function openTre(options: TreOptions): Promise<Tre> {
  const { directory, files, clock } = options;
  await files.openDirectory(directory);
  const vault = createVault(directory, files, options.root, options.random);
  const slots = await openSlots(directory, files, vault, options.root, options.random);
  const pins = createPins(vault);
  const device = await openDevice(vault, options.device);
  let identity = await loadIdentity();
  /** Two authentications must not read the same SQN array. */
  const inTurn = createTurns();

  async function loadIdentity(): Promise<Identity | undefined> {
    const slot = await slots.current();
    if (slot === undefined) return undefined;
    const { impi, bsf, sho, k, opc } = await readMcim(slot);
    k.erase();
    opc.erase();
    return { impi, bsf, sho, serial: slots.pointers().current?.serial ?? null };
  }

  async function slotInUse() {
    const slot = await slots.current();
    if (slot === undefined) throw new GbaError('no-subscription', 'the machine has no subscription in use');
    return slot;
  }

  async function grantOf(serial: string): Promise<MachineGrant | undefined> {
    const secrets = await pins.tokenKeys(serial);
    return secrets === undefined ? undefined : machineGrant(secrets, () => device.signer());
  }

  async function recordOf(serial: string, keep: readonly { fqdn: string; uaId: Uint8Array }[]) {
    const known = await pins.discard(serial);
    if (known !== undefined && (await vault.open(known.slot)) === undefined) return known;
    if (!(await slots.pendingReady(serial))) {
      throw new GbaError('discard-without-pending', 'nothing is erased before the new subscription is complete');
    }
    if (known !== undefined) return known;
    const slot = await slotInUse();
    await pins.keepSessions(serial, await sessionsOf(keep));
    const discardedAt = Math.floor(clock.now() / 1000) * 1000;
    const record = { serial, m2meId: options.m2meId, slot: slot.id, discardedAt };
    await pins.writeDiscard(record);
    return record;
  }

  /** From the discard record on the waiting subscription is the only way back: only a correction may take its place. */
  async function assertMayGo(successor?: string): Promise<void> {
    const waiting = slots.pointers().pending?.serial ?? undefined;
    if (waiting === undefined || waiting === successor) return;
    if ((await pins.discard(waiting)) !== undefined) {
      throw new GbaError('discard-begun', 'the waiting subscription is the only one left');
    }
  }

  async function sessionsOf(keep: readonly { fqdn: string; uaId: Uint8Array }[]): Promise<KeptSession[]> {
    const slot = await slotInUse();
    const sessions: KeptSession[] = [];
    for (const { fqdn, uaId } of keep) {
      const [newest, ...others] = await nafKeys(slot, fqdn, uaId, clock.now());
      for (const other of others) other.ksNaf.erase();
      if (newest !== undefined) sessions.push({ ...newest, fqdn, uaId: Buffer.from(uaId).toString('hex') });
    }
    return sessions;
  }

  return {
    device,
    decryption: options.decryption,
    pins,
    identity: () => identity,
    commission: (mcim) =>
      inTurn(async () => {
        await slots.commission(mcim);
        identity = await loadIdentity();
      }),
    authenticate: (rand, autn) => inTurn(async () => authenticate(await slotInUse(), rand, autn)),
    keepContext: (context, ks, withTmpi) =>
      inTurn(async () => keepContext(await slotInUse(), context, ks, { now: clock.now(), withTmpi })),
    contexts: () => inTurn(async () => liveContexts(await slotInUse(), clock.now())),
    tmpi: () => inTurn(async () => readTmpi(await slotInUse())),
    forgetTmpi: () => inTurn(async () => forgetTmpi(await slotInUse())),
    nafKeys: (fqdn, uaId) =>
      inTurn(async () => {
        const slot = await slots.current();
        return slot === undefined ? [] : await nafKeys(slot, fqdn, uaId, clock.now());
      }),
    grant: grantOf,
    domain: (operator) => ({
      preload: (mcim, digest, signer) => inTurn(() => slots.preload(operator, mcim, digest, signer)),
      storePending: (mcim, serial, digest) =>
        inTurn(async () => {
          await assertMayGo(serial);
          await slots.storePending(operator, mcim, serial, digest);
        }),
      signerOfStored: (digest) => slots.signerOfStored(operator, digest),
      bindStored: (serial, digest) =>
        inTurn(async () => {
          await assertMayGo(serial);
          return await slots.bindStored(operator, serial, digest);
        }),
    }),
    pendingReady: (serial) => inTurn(() => slots.pendingReady(serial)),
    pendingSerial: () => slots.pointers().pending?.serial ?? undefined,
    dropPending: () =>
      inTurn(async () => {
        await assertMayGo();
        await slots.dropPending();
      }),
    discard: (serial, keep) =>
      inTurn(async () => {
        const record = await recordOf(serial, keep);
        await slots.eraseSlot(record.slot);
        identity = await loadIdentity();
        return record;
      }),
    unregistration: (serial) =>
      inTurn(async () => {
        const record = await pins.discard(serial);
        const grant = await grantOf(serial);
        if (record === undefined || grant === undefined || (await vault.open(record.slot)) !== undefined) {
          throw new GbaError('discard-record-missing', 'an unregistration needs a finished discard');
        }
        const { m2meId, discardedAt } = record;
        const fields = { serial: Buffer.from(serial, 'hex'), m2meId, discardedAt };
        const message = await grant.makeUnregistration({ ...fields, discardRecord: discardDigest(record) });
        grant.erase();
        return message;
      }),
    activate: (serial) =>
      inTurn(async () => {
        await slots.activate(serial);
        identity = await loadIdentity();
      }),
  };
}
