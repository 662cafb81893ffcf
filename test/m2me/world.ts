import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GbaError, type SecretKey, silentLog, systemRandom, toHex } from '../../src/base/index.ts';
import { bsfConfigSchema, startBsf } from '../../src/bsf/index.ts';
import type { StepEvent } from '../../src/flow/index.ts';
import { UA_TOKEN } from '../../src/gba/index.ts';
import { createRouter, type Listener, listen, type Route } from '../../src/http/index.ts';
import { m2meConfigSchema, type RunningM2me, startM2me } from '../../src/m2me/index.ts';
import { type Mcim, makePackage, packageDigest } from '../../src/mcim/index.ts';
import { createZnClient, gbaAuth, type ZnClient } from '../../src/naf/index.ts';
import { createMemoryStore, type Op, type Store } from '../../src/store/index.ts';
import {
  blindBtid,
  type Claims,
  deriveRoKeys,
  deriveTokenKeys,
  makeAcknowledgement,
  makeInstruction,
  makeRelease,
  makeToken,
  narrowToken,
  type RoKeys,
  readRelay,
  readResult,
  readReturn,
  readToken,
  readUnregistration,
  releaseLock,
  type TokenKeys,
} from '../../src/token/index.ts';
import { privateKeyPem, readCertificate, type Signer, toPem } from '../../src/x509/index.ts';
import { createTestHss } from '../support/av-source.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { makeTestPki } from '../support/pki.ts';
import { M2ME, machineKeys, mcimA, mcimB, SET_1, START } from './support.ts';

const NAMES = ['bsf.sho-a.test', 'bsf.sho-b.test', 'sho-a.test', 'sho-b.test', 'ro.test', 'pva.test'];
const pki = makeTestPki(NAMES);
const authority = await makeAuthority('Signing CA');
export const owner = await makeSigner('owner.test', authority);
export const newShoSigner = await makeSigner('sho-b.test', authority);
export const stranger = await makeSigner('sho-b.test', authority);
export const GRACE = 60_000;

export type World = Awaited<ReturnType<typeof startWorld>>;

/** One released machine: what the old SHO and the new SHO know of it. */
export interface Change {
  claims: Claims;
  serial: string;
  keys: TokenKeys;
  token: Buffer;
  r: Buffer;
}

/** What one party has received, and how it misbehaves. */
interface Party {
  down: boolean;
  got: { path: string; body: Buffer }[];
}

const party = (): Party => ({ down: false, got: [] });

/**
 * A real machine and real BSFs; the operators and the RO are real TLS servers behind the NAF middleware that keep the
 * protocol, unless a test tells them not to.
 */
export async function startWorld() {
  const time = { now: START };
  const clock = { now: () => time.now };
  const deps = { clock, random: systemRandom, log: silentLog };
  const dir = mkdtempSync(join(tmpdir(), 'gba-m2me-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const keyFile = file('key', systemRandom.bytes(32).toString('hex'));
  const closers: (() => unknown)[] = [];

  async function operator(letter: 'a' | 'b', mcim: Mcim) {
    const hss = createTestHss();
    hss.add(mcim.impi, mcim);
    const bsf = await startBsf(
      bsfConfigSchema.parse({
        name: `bsf.sho-${letter}.test`,
        ub: { port: 0 },
        sbi: { port: 0 },
        tls: pki.files(`bsf.sho-${letter}.test`),
        hss: { url: 'https://127.0.0.1:1', serverName: 'hss.test' },
        nafs: [`sho-${letter}.test`, 'ro.test'].map((client) => ({ client, hosts: [client] })),
        keyLifetimeSeconds: 3600,
        store: { driver: 'memory' },
        keyFile,
      }),
      { ...deps, store: createMemoryStore(clock), avSource: hss.source },
    );
    closers.push(() => bsf.close());
    return { hss, bsf };
  }
  const a = await operator('a', mcimA());
  const b = await operator('b', mcimB());
  const route = (letter: 'a' | 'b', port: number) => ({
    bsf: `bsf.sho-${letter}.test`,
    peer: { url: `https://127.0.0.1:${port}`, serverName: `bsf.sho-${letter}.test` },
  });
  const routes = [route('a', a.bsf.ports.sbi), route('b', b.bsf.ports.sbi)];

  /** A device-facing server: /ua/ behind the middleware, the rest without; a party that is down hangs up. */
  async function server(name: string, state: Party, routesOf: (zn: ZnClient) => Route[]) {
    const zn = createZnClient({ routes, tls: pki.pem(name) });
    const router = createRouter(
      routesOf(zn).map((one) => ({
        ...one,
        handle(c) {
          if (c.body.length > 0) state.got.push({ path: c.req.url ?? '', body: c.body });
          return one.handle(c);
        },
      })),
      silentLog,
    );
    const auth = gbaAuth({ fqdn: name, zn, clock, log: silentLog });
    const proven = auth.protect(router);
    const listener: Listener = (req, res) => {
      if (state.down) req.socket.destroy();
      else if (req.url?.startsWith('/ua/')) proven(req, res);
      else router(req, res);
    };
    const running = await listen(listener, { address: '127.0.0.1', port: 0, tls: pki.pem(name), psk: auth.psk });
    closers.push(
      () => running.close(),
      () => zn.close(),
    );
    return { url: `https://127.0.0.1:${running.port}`, serverName: name };
  }

  const both = (resource: string, handle: Route['handle']): Route[] =>
    ['/ua/v1', '/m2me/v1'].map((prefix) => ({ method: 'POST', path: `${prefix}/${resource}`, handle }));

  const oldSho = {
    ...party(),
    ksNafToken: undefined as SecretKey | undefined,
    btid: '',
    changes: new Map<string, Change>(),
    letGo: new Set<string>(),
    returned: new Set<string>(),
    /** What the machine is asked to give back, and the serials that it said are burnt. */
    recall: undefined as { serial: string; claims: string } | undefined,
    burnt: [] as string[],
    /** Makes the acknowledgement; tests put a wrong one here. */
    acknowledge: (change: Change) =>
      makeAcknowledgement({ serial: change.claims.serial, r: change.r }, change.keys.ack),
  };
  const shoA = await server('sho-a.test', oldSho, (zn) => [
    {
      method: 'POST',
      path: '/ua/v1/bootstraps',
      async handle({ req }) {
        oldSho.btid = req.gba?.btid ?? '';
        const query = { btid: oldSho.btid, nafFqdn: 'sho-a.test', uaId: UA_TOKEN };
        oldSho.ksNafToken = (await zn.fetch(query)).ksNaf;
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: '/ua/v1/recalls',
      handle: () => (oldSho.recall === undefined ? { status: 204 } : { status: 200, json: oldSho.recall }),
    },
    {
      method: 'POST',
      path: '/ua/v1/recalls/:serial',
      handle({ params }) {
        oldSho.burnt.push(params['serial'] ?? '');
        return { status: 204 };
      },
    },
    ...both('unregistrations', async ({ body }) => {
      const message = await readUnregistration(body);
      const change = oldSho.changes.get(toHex(message.serial));
      if (change === undefined || !message.matches(change.keys.unregister) || oldSho.returned.has(change.serial)) {
        throw new GbaError('unregistration-invalid', 'the unregistration is not valid');
      }
      oldSho.letGo.add(change.serial);
      a.hss.remove(mcimA().impi);
      return { status: 200, bytes: oldSho.acknowledge(change) };
    }),
    ...both('returns', async ({ body }) => {
      const message = await readReturn(body);
      const change = oldSho.changes.get(toHex(message.serial));
      if (change === undefined || !message.matches(change.keys.return) || oldSho.letGo.has(change.serial)) {
        throw new GbaError('return-invalid', 'the return is not valid');
      }
      oldSho.returned.add(change.serial);
      return { status: 204 };
    }),
  ]);

  const newSho = { ...party(), btids: [] as string[] };
  const shoB = await server('sho-b.test', newSho, () => [
    {
      method: 'POST',
      path: '/ua/v1/bootstraps',
      handle({ req }) {
        newSho.btids.push(req.gba?.btid ?? '');
        return { status: 204 };
      },
    },
  ]);

  const ro = {
    ...party(),
    delivery: undefined as
      | { serial: string; boundToken: Buffer; octets: Buffer; digest?: Buffer; size?: number }
      | undefined,
    keys: new Map<string, RoKeys>(),
    relayed: new Map<string, Buffer>(),
    results: [] as string[],
    refusals: [] as string[],
    /** Octets of the package as sent; tests cut and swap here. */
    send: (octets: Buffer) => octets,
    release: (serial: Buffer, keys: RoKeys) => makeRelease({ serial }, keys.activate),
  };
  const roPeer = await server('ro.test', ro, (zn) => [
    {
      method: 'GET',
      path: '/ua/v1/delivery',
      async handle({ req }) {
        if (ro.delivery === undefined) return { status: 204 };
        const { serial, boundToken, octets } = ro.delivery;
        const query = { btid: req.gba?.btid ?? '', nafFqdn: 'ro.test', uaId: UA_TOKEN };
        ro.keys.set(serial, deriveRoKeys((await zn.fetch(query)).ksNaf, Buffer.from(serial, 'hex')));
        const json = {
          serial,
          boundToken: boundToken.toString('base64'),
          size: ro.delivery.size ?? octets.length,
          digest: toHex(ro.delivery.digest ?? packageDigest(octets)),
          chunkBytes: 1024,
        };
        return { status: 200, json };
      },
    },
    {
      method: 'GET',
      path: '/ua/v1/deliveries/:serial/package',
      handle({ req }) {
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(String(req.headers.range)) ?? [];
        const octets = ro.send(ro.delivery?.octets ?? Buffer.alloc(0));
        return { status: 206, bytes: octets.subarray(Number(from), Number(to) + 1) };
      },
    },
    {
      method: 'POST',
      path: '/ua/v1/deliveries/:serial/refusals',
      handle(c) {
        ro.refusals.push(c.json({ parse: (value) => (value as { reason: string }).reason }));
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: '/ua/v1/discovery',
      handle: () => ({ status: 200, json: { state: 'registered', sho: 'sho-b.test' } }),
    },
    ...both('acknowledgements', ({ body }) => {
      const message = readRelay(body);
      const keys = ro.keys.get(toHex(message.serial));
      if (keys === undefined || !message.matches(keys.relay))
        throw new GbaError('acknowledgement-invalid', 'not valid');
      ro.relayed.set(toHex(message.serial), message.r);
      return { status: 200, bytes: ro.release(message.serial, keys) };
    }),
    ...both('results', ({ body }) => {
      const message = readResult(body);
      const keys = ro.keys.get(toHex(message.serial));
      if (keys === undefined || !message.matches(keys.result)) throw new GbaError('result-invalid', 'not valid');
      ro.results.push(message.outcome);
      return { status: 204 };
    }),
  ]);

  const pva = { ...party(), challenge: false };
  const pvaPeer = await server('pva.test', pva, () => [
    {
      method: 'GET',
      path: '/m2me/v1/challenges',
      handle: () =>
        pva.challenge ? { status: 200, json: { orderId: 'order-1', nonce: 'ab'.repeat(32) } } : { status: 204 },
    },
    {
      method: 'POST',
      path: '/m2me/v1/quotes',
      handle() {
        pva.challenge = false;
        return { status: 200, json: { positive: true, reason: '' } };
      },
    },
  ]);

  const { device, decryption } = await machineKeys();
  const files = (name: string, signer: Signer) => ({
    cert: file(`${name}.pem`, toPem(signer.certificate, 'CERTIFICATE')),
    key: file(`${name}-key.pem`, privateKeyPem(signer.key)),
  });
  const ubOf = (port: number) => `http://127.0.0.1:${port}`;
  const config = m2meConfigSchema.parse({
    id: M2ME,
    local: { port: 0 },
    ca: pki.ca,
    ro: { id: 'ro.test', peer: roPeer },
    pva: { id: 'pva.test', peer: pvaPeer },
    sho: { id: 'sho-a.test', peer: shoA },
    ownerKeySha256: readCertificate(owner.certificate).spkiSha256,
    device: files('device', device),
    tre: files('tre', decryption),
    treDir: join(dir, 'tre'),
    store: { driver: 'memory' },
    keyFile,
    initialMcim: file(
      'mcim.json',
      JSON.stringify({
        impi: mcimA().impi,
        ...SET_1,
        bsf: { fqdn: 'bsf.sho-a.test', url: ubOf(a.bsf.ports.ub) },
        sho: { id: 'sho-a.test', url: shoA.url },
      }),
    ),
    pollMs: 3_600_000,
    recallPollMs: 0,
    graceMs: GRACE,
    measurements: { firmware: 'cd'.repeat(32) },
  });
  const store = createMemoryStore(clock);
  const steps: StepEvent[] = [];
  let machine: RunningM2me | undefined;
  let number = 0;

  /** The new subscription as the new SHO makes it, in a package for this machine. */
  const packageFor = (
    change: Change,
    options: { signer?: Signer; mcim?: Partial<Mcim>; recipient?: Buffer; m2meId?: string } = {},
  ) =>
    makePackage({
      mcim: mcimB({
        bsf: { fqdn: 'bsf.sho-b.test', url: ubOf(b.bsf.ports.ub) },
        sho: { id: 'sho-b.test', url: shoB.url },
        ...options.mcim,
      }),
      newShoId: 'sho-b.test',
      m2meId: options.m2meId ?? M2ME,
      serial: change.claims.serial,
      signer: options.signer ?? newShoSigner,
      recipientCertificate: options.recipient ?? decryption.certificate,
      random: systemRandom,
    });

  const world = {
    time,
    a,
    b,
    oldSho,
    newSho,
    ro,
    pva,
    store,
    steps,
    config,
    packageFor,
    /** Starts the machine, or starts it again; `over` stands between it and its store. */
    async start(over: Store = store): Promise<RunningM2me> {
      machine = await startM2me(config, { ...deps, store: over, onStep: (event) => steps.push(event) });
      return machine;
    },
    async stop(): Promise<void> {
      await machine?.close();
      machine = undefined;
    },
    async poke(): Promise<void> {
      await machine?.poke();
    },
    async local<T>(method: string, path: string, body?: Uint8Array): Promise<T> {
      const answer = await fetch(`http://127.0.0.1:${machine?.ports.local}${path}`, {
        method,
        ...(body && { body: Buffer.from(body) }),
      });
      return (await answer.json()) as T;
    },
    status: () =>
      world.local<{
        impi?: string;
        operator?: string;
        change?: { state: string; reason?: string; lastRefusal?: string };
      }>('GET', '/local/v1/status'),
    /** The old SHO's release (step 0): claims for the live bootstrap it has learnt. */
    release(validityMs = 1_800_000): Change {
      const { ksNafToken } = oldSho;
      if (ksNafToken === undefined) throw new TypeError('the old SHO knows no bootstrap yet');
      const serial = systemRandom.bytes(16);
      const r = systemRandom.bytes(32);
      const claims: Claims = {
        version: 1,
        serial,
        bootstrap: { blinded: blindBtid(ksNafToken, serial, oldSho.btid) },
        m2meId: M2ME,
        newSho: {
          id: 'sho-b.test',
          keyHashes: [Buffer.from(readCertificate(newShoSigner.certificate).spkiSha256, 'hex')],
        },
        roId: 'ro.test',
        permissions: { install: true, unregister: true },
        notBefore: time.now,
        notAfter: time.now + validityMs,
        releaseLock: releaseLock(r),
      };
      const keys = deriveTokenKeys(ksNafToken, serial);
      const change = { claims, serial: toHex(serial), keys, token: makeToken(claims, keys), r };
      oldSho.changes.set(change.serial, change);
      return change;
    },
    /** Step 2. */
    async instruct(change: Change, kind: 'change' | 'cancel' = 'change', signer = owner) {
      const claimsDer = readToken(change.token).claimsDer;
      const message = await makeInstruction({ m2meId: M2ME, number: ++number, kind, announced: claimsDer }, signer);
      return await world.local<{ state?: string; cause?: string }>('POST', '/local/v1/instructions', message);
    },
    /** Step 6. */
    async deliver(change: Change, octets?: Buffer): Promise<void> {
      const whole = octets ?? (await packageFor(change));
      const boundToken = narrowToken(readToken(change.token), packageDigest(whole), 'sho-b.test');
      ro.delivery = { serial: change.serial, boundToken, octets: whole };
    },
    /** Everything that the machine has written down, without the counts of writes. */
    async journal(): Promise<string> {
      const spaces = ['m2me', 'm2me-change', 'outbox'];
      const all = await Promise.all(spaces.map((space) => store.list(space)));
      return JSON.stringify(all.map((entries) => entries.map(({ key, value }) => ({ key, value }))));
    },
    async close(): Promise<void> {
      await world.stop();
      await Promise.all(closers.map((close) => close()));
    },
  };
  return world;
}

/** A store that loses power before (`torn`) or after its commit number `at`: everything from then on fails. */
export function cutStore(store: Store, at: number, when: 'before' | 'after'): Store & { wasCut(): boolean } {
  let commits = 0;
  let cut = false;
  const dead = () => {
    if (cut) throw new GbaError('power-cut', 'the power is gone');
  };
  return {
    ...store,
    wasCut: () => cut,
    async get(space, key) {
      dead();
      return await store.get(space, key);
    },
    async list(space, options) {
      dead();
      return await store.list(space, options);
    },
    async commit(ops: readonly Op[]) {
      dead();
      if (++commits === at && when === 'before') cut = true;
      dead();
      const done = await store.commit(ops);
      if (commits === at) cut = true;
      dead();
      return done;
    },
  };
}
