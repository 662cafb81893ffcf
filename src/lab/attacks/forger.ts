import { setTimeout as delay } from 'node:timers/promises';
import { opcFromOp } from '../../aka/index.ts';
import { fromHex, GbaError, SecretKey, toHex } from '../../base/index.ts';
import { UA_TOKEN } from '../../gba/index.ts';
import { createClient, type HttpClient, loadTls, readTextFile } from '../../http/index.ts';
import { type Mcim, makePackage, packageDigest } from '../../mcim/index.ts';
import {
  createMachineClient,
  createOperatorClient,
  type MachineClient,
  type MachineStatus,
  type OperatorClient,
  signInstruction,
} from '../../owner/index.ts';
import {
  blindBtid,
  type Claims,
  deriveTokenKeys,
  makeToken,
  narrowToken,
  openToken,
  readBoundToken,
  readToken,
} from '../../token/index.ts';
import { loadSigner, readCertificate, type Signer } from '../../x509/index.ts';
import type { Lab } from '../lab.ts';
import { bsfOf, NAMES } from '../names.ts';

/** A machine that the lab does not have; its manufacturer makes it a certificate all the same. */
export const OTHER_MACHINE = 'm2me-other';
const PATIENCE_MS = 10_000;
const LOOK_MS = 40;

/** Where a party of the lab listens. */
export type Door = 'old-sho' | 'old-sho-ua' | 'new-sho' | 'ro' | 'ro-ua' | 'old-bsf-zn';

export interface LiveKey {
  btid: string;
  ksNaf: SecretKey;
}

/** What an attacker can do: the lab's keys are at hand, so it can be any party, or a stranger. */
export interface Arena {
  lab: Lab;
  m2meId: string;
  machine: MachineClient;
  /** The state that the attack must leave as it is: called right before the forged message. */
  mark(): Promise<void>;
  /** A client with the TLS certificate of `as`; without one when it is undefined. */
  link(as: string | undefined, door: Door): Promise<HttpClient>;
  operator(as: string, door: 'old-sho' | 'new-sho'): Promise<OperatorClient>;
  /** Signing key of an operator (packages), or of the owner and strangers. */
  packageSigner(name: string): Promise<Signer>;
  ownerSigner(name?: string): Promise<Signer>;
  treCertificate(m2meId: string): Promise<Buffer>;
  /** Ks_NAF of a new bootstrap of the machine, by the lab's documented command. */
  liveKey(naf: string, uaId?: Uint8Array): Promise<LiveKey>;
  /** A genuine token of the old SHO, ordered by the owner; `to` names another new SHO. */
  release(to?: string): Promise<Buffer>;
  /** A token as the old SHO would make it under `key`, with other claims. */
  mint(key: LiveKey, claims?: Partial<Claims>): Promise<Buffer>;
  instruct(token: Uint8Array, signer?: Signer): Promise<void>;
  pack(token: Uint8Array, by?: { signer?: Signer; recipientCertificate?: Buffer }): Promise<Buffer>;
  /** As the new SHO narrows a token. */
  narrow(token: Uint8Array, packed: Uint8Array): Buffer;
  /** Step 6 as the new SHO; gives the order. Throws the RO's refusal. */
  deliver(boundToken: Uint8Array, packed: Uint8Array): Promise<string>;
  /** As an RO that is the attacker itself: what it hands out is `record` with `octets`. */
  plant(boundToken: Uint8Array, packed: Uint8Array, octets?: Uint8Array): Promise<string>;
  /** Why the machine refused the delivery that waits for it. */
  machineRefusal(): Promise<string>;
  /** Repeats what only time can mend. */
  patiently<T>(work: () => Promise<T>): Promise<T>;
  /** The next number of an instruction. */
  nextNumber(): number;
  until(what: string, look: () => Promise<boolean>): Promise<void>;
  close(): void;
}

export async function openArena(lab: Lab, mark: () => Promise<void>): Promise<Arena> {
  const { clock, random, scenario } = lab.options;
  const closing: { close(): void }[] = [];
  const plan = lab.plan.m2me[0];
  if (plan === undefined) throw new GbaError('machine-unknown', 'the lab has no machine');
  const m2meId = plan.id;
  const machine = keep(createMachineClient(`http://${plan.local.address}:${plan.local.port}`));
  let lastNumber = clock.now();

  function keep<T extends { close(): void }>(one: T): T {
    closing.push(one);
    return one;
  }

  const shoOf = (id: string) => lab.plan.sho.find((one) => one.id === id);
  const doors: Record<Door, { port: number | undefined; serverName: string }> = {
    'old-sho': { port: shoOf(NAMES.oldSho)?.sbi.port, serverName: NAMES.oldSho },
    'old-sho-ua': { port: shoOf(NAMES.oldSho)?.ua.port, serverName: NAMES.oldSho },
    'new-sho': { port: shoOf(NAMES.newSho)?.sbi.port, serverName: NAMES.newSho },
    ro: { port: lab.plan.ro.sbi.port, serverName: NAMES.ro },
    'ro-ua': { port: lab.plan.ro.ua.port, serverName: NAMES.ro },
    'old-bsf-zn': { port: lab.plan.bsf[0]?.sbi.port, serverName: bsfOf(NAMES.oldSho) },
  };
  async function optionsOf(as: string | undefined, door: Door) {
    const { port = 0, serverName } = doors[door];
    const tls = as === undefined ? { ca: readTextFile(lab.pki.ca) } : loadTls(await lab.pki.tls(as));
    return { url: `https://127.0.0.1:${port}`, serverName, tls };
  }

  const signerOf = (files: { cert: string; key: string }): Signer =>
    loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) });

  function nextNumber(): number {
    lastNumber += 1;
    return lastNumber;
  }

  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    const until = clock.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const passing = error instanceof GbaError && error.retryable;
        if (!passing || clock.now() > until) throw error;
        await delay(LOOK_MS);
      }
    }
  }

  async function until(what: string, look: () => Promise<boolean>): Promise<void> {
    const end = clock.now() + PATIENCE_MS;
    while (!(await look())) {
      if (clock.now() > end) throw new GbaError('arena-stuck', `waited in vain: ${what}`);
      await delay(LOOK_MS);
    }
  }

  const operator: Arena['operator'] = async (as, door) => keep(createOperatorClient(await optionsOf(as, door)));
  const link: Arena['link'] = async (as, door) => keep(createClient(await optionsOf(as, door)));
  const ownerSigner = async (name: string = NAMES.owner) => signerOf(await lab.pki.tls(name));
  const treCertificate = async (id: string) => readCertificate(readTextFile((await lab.pki.machine(id)).tre.cert)).der;

  function mcimOf(): Mcim {
    const [subscription] = scenario.newSubscriptions;
    if (subscription === undefined) throw new GbaError('scenario-invalid', 'the lab has no new subscription');
    const k = SecretKey.adopt(fromHex(subscription.k, 16));
    const opc = opcFromOp(k, fromHex(subscription.op, 16));
    return {
      impi: subscription.impi,
      algorithm: 'milenage',
      k,
      opc,
      indBits: 5,
      bsf: { fqdn: bsfOf(NAMES.newSho), url: shoOf(NAMES.newSho)?.bsf.publicUrl ?? '' },
      sho: { id: NAMES.newSho, url: shoOf(NAMES.newSho)?.publicUrl ?? '' },
    };
  }

  return {
    lab,
    m2meId,
    machine,
    mark,
    link,
    operator,
    packageSigner: async (name) => signerOf(await lab.pki.signing(name)),
    ownerSigner,
    treCertificate,
    async liveKey(naf, uaId = UA_TOKEN) {
      const { btid, ksNaf } = await patiently(() => machine.bootstrap({ naf, uaId: toHex(uaId) }));
      if (ksNaf === undefined) throw new GbaError('forbidden', 'this machine does not show keys');
      await until('the operator learns the B-TID', async () => {
        const state = await lab.stores.get(m2meId)?.get<{ toldBtid: string | null }>('m2me', 'machine');
        return state?.value.toldBtid === btid;
      });
      return { btid, ksNaf: SecretKey.adopt(fromHex(ksNaf, 32)) };
    },
    async release(to) {
      const keys = await (await operator(NAMES.owner, 'new-sho')).signingKeys();
      const wish = { m2meId, newSho: { ...keys, ...(to === undefined ? {} : { id: to }) }, roId: NAMES.ro };
      const oldSho = await operator(NAMES.owner, 'old-sho');
      const { token } = await patiently(() => oldSho.release(wish));
      if (token === undefined) throw new GbaError('arena-stuck', 'a release without a token');
      return token;
    },
    async mint({ btid, ksNaf }, changes = {}) {
      const { id, keyHashes } = await (await operator(NAMES.owner, 'new-sho')).signingKeys();
      const serial = random.bytes(16);
      const now = Math.floor(clock.now() / 1000) * 1000;
      const claims: Claims = {
        version: 1,
        serial,
        bootstrap: { blinded: blindBtid(ksNaf, serial, btid) },
        m2meId,
        newSho: { id, keyHashes: keyHashes.map((hash) => fromHex(hash, 32)) },
        roId: NAMES.ro,
        permissions: { install: true, unregister: true },
        notBefore: now,
        notAfter: now + 3_600_000,
        releaseLock: random.bytes(32),
        ...changes,
      };
      return makeToken(claims, deriveTokenKeys(ksNaf, serial));
    },
    async instruct(token, signer) {
      await machine.instruct(await signInstruction(signer ?? (await ownerSigner()), token, nextNumber()));
    },
    async pack(token, by = {}) {
      const { claims, erase } = await openToken(token);
      erase();
      return await makePackage({
        mcim: mcimOf(),
        newShoId: NAMES.newSho,
        m2meId: claims.m2meId,
        serial: claims.serial,
        signer: by.signer ?? signerOf(await lab.pki.signing(NAMES.newSho)),
        recipientCertificate: by.recipientCertificate ?? (await treCertificate(m2meId)),
        random,
      });
    },
    narrow: (token, packed) => narrowToken(readToken(token), packageDigest(packed), NAMES.newSho),
    async deliver(boundToken, packed) {
      const orderId = toHex(random.bytes(16));
      const digest = toHex(packageDigest(packed));
      const json = { orderId, m2meId, boundToken: base64(boundToken), digest, package: base64(packed) };
      await (await link(NAMES.newSho, 'ro')).call('POST', '/sho/v1/deliveries', { json });
      return orderId;
    },
    async plant(boundToken, packed, octets = packed) {
      const orderId = toHex(random.bytes(16));
      const serial = toHex((await readBoundToken(boundToken)).claims.serial);
      const digest = toHex(packageDigest(packed));
      const rest = { sho: NAMES.newSho, m2meId, boundToken: base64(boundToken), size: packed.length, digest, pins: [] };
      await lab.stores.get(NAMES.ro)?.commit([
        { space: 'delivery', key: serial, expect: 0, put: { v: 1, state: 'open', orderId, ...rest } },
        { space: 'package', key: serial, expect: 0, put: base64(octets) },
        { space: 'open-delivery', key: m2meId, expect: 0, put: serial },
        { space: 'delivery-of-order', key: `${NAMES.newSho}/${orderId}`, expect: 0, put: serial },
      ]);
      return orderId;
    },
    async machineRefusal() {
      let status: MachineStatus | undefined;
      await until('a refusal of the machine', async () => {
        status = await machine.status();
        return status.change?.lastRefusal !== undefined;
      });
      return status?.change?.lastRefusal ?? '';
    },
    until,
    patiently,
    nextNumber,
    close() {
      for (const one of closing) one.close();
    },
  };
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64');
}
