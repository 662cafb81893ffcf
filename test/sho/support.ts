import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SecretKey, silentLog, systemClock, systemRandom, toHex } from '../../src/base/index.ts';
import { startBsf } from '../../src/bsf/index.ts';
import { buildAuthorization, computeResponse, parseChallenge } from '../../src/digest/index.ts';
import { deriveKsNaf, makeBtid, nafId, UA_TOKEN, uaIdOfCipherSuite } from '../../src/gba/index.ts';
import { startHss } from '../../src/hss/index.ts';
import { type Answer, createClient, createRouter, type HttpClient, listen } from '../../src/http/index.ts';
import type { ZnClient } from '../../src/naf/index.ts';
import { type ShoConfig, startSho } from '../../src/sho/index.ts';
import { createMemoryStore, type Store } from '../../src/store/index.ts';
import { deriveTokenKeys, type TokenKeys } from '../../src/token/index.ts';
import { loadSigner, readCertificate } from '../../src/x509/index.ts';
import { makeTestPki } from '../support/pki.ts';

export const M2ME = 'm2me-0001';
export const OLD_IMPI = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';
export const NEW_IMPI = '001020123456789@ims.mnc002.mcc001.3gppnetwork.org';
const NAMES = ['sho-a.test', 'hss.test', 'bsf.test', 'ro.test', 'pva.test', 'owner.test', 'stranger.test', M2ME];
const SPACES = ['release', 'open-release', 'bootstrap', 'order', 'open-order', 'order-of-serial', 'subscription'];
const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';

export interface Bootstrapped {
  btid: string;
  impi: string;
  ks: SecretKey;
  rand: Buffer;
}

/** What the RO or the PVA received, in order. */
export interface Received {
  path: string;
  json: Record<string, unknown>;
}

export type Lab = Awaited<ReturnType<typeof startLab>>;

/**
 * A real SHO with its real HSS and BSF over mutual TLS; RO and PVA are servers that write down what they get. Only Zn is
 * played: the bootstrappings are made here, without a machine.
 */
export async function startLab(impis: readonly string[] = [NEW_IMPI]) {
  const pki = makeTestPki(NAMES);
  const keyFile = join(pki.dir, 'sealing-key');
  writeFileSync(keyFile, systemRandom.bytes(32).toString('hex'));
  const deps = { clock: systemClock, random: systemRandom, log: silentLog };
  const free = { address: '127.0.0.1', port: 0 };
  const memory = { driver: 'memory' } as const;
  const peer = (port: number, serverName: string) => ({ url: `https://127.0.0.1:${port}`, serverName });

  /** Names and paths of servers that answer 503. */
  const down = new Set<string>();
  /** PUTs that reach the HSS wait for this. */
  const hold: { puts: Promise<void> | undefined } = { puts: undefined };
  const hssStore = createMemoryStore(systemClock);
  const hss = await startHss(
    {
      name: 'hss.test',
      sbi: free,
      tls: pki.files('hss.test'),
      clients: { av: ['bsf.test'], admin: ['sho-a.test'] },
      sqnScheme: 'counter',
      indBits: 5,
      store: memory,
      keyFile,
    },
    {
      ...deps,
      store: hssStore,
      wrap: (name, listener) => (req, res) => {
        if (down.has(name)) res.writeHead(503).end();
        else if (req.method === 'PUT' && hold.puts !== undefined) void hold.puts.then(() => listener(req, res));
        else listener(req, res);
      },
    },
  );
  const bsf = await startBsf(
    {
      name: 'bsf.test',
      ub: free,
      sbi: free,
      tls: pki.files('bsf.test'),
      hss: peer(hss.ports.sbi, 'hss.test'),
      nafs: [],
      admin: ['sho-a.test'],
      keyLifetimeSeconds: 3600,
      challengeSeconds: 30,
      maxOutstanding: 32,
      maxOutstandingFromOne: 32,
      maxOutstandingPerAddress: 1000,
      maxOutstandingTotal: 1000,
      unknownAmf: '8000',
      gbaURes: 'flipped',
      store: memory,
      keyFile,
    },
    deps,
  );
  const received: Received[] = [];
  const record = async (name: string, routes: [string, number][]) => {
    const router = createRouter(
      routes.map(([path, status]) => ({
        method: 'POST',
        path,
        handle(c) {
          if (down.has(path)) return { status: 503 };
          received.push({ path, json: c.json({ parse: (value) => value as Record<string, unknown> }) });
          return { status, json: {} };
        },
      })),
      silentLog,
    );
    return await listen(router, { ...free, tls: pki.pem(name), clientCertificate: 'required' });
  };
  const ro = await record('ro.test', [
    ['/sho/v1/deliveries', 201],
    ['/sho/v1/registrations', 204],
  ]);
  const pva = await record('pva.test', [['/sho/v1/validations', 202]]);

  const bootstraps = new Map<string, Bootstrapped>();
  const zn: ZnClient = {
    async fetch({ btid, nafFqdn, uaId }) {
      const { ks, rand, impi } = bootstraps.get(btid) ?? {
        ks: SecretKey.adopt(systemRandom.bytes(32)),
        rand: systemRandom.bytes(16),
        impi: 'nobody@bsf.test',
      };
      const ksNaf = deriveKsNaf({ ks, rand, impi, nafId: nafId(nafFqdn, uaId) });
      return { ksNaf, keyExpiry: systemClock.now() + 3_600_000, impi };
    },
  };
  const shoStore = createMemoryStore(systemClock);
  const owner = readCertificate(pki.pem('owner.test').cert);
  /** The SHO's own clock: tests set it forward. */
  const time = { ahead: 0 };
  const clock = { now: () => systemClock.now() + time.ahead };
  const start = (signing: ShoConfig['signing']) =>
    startSho({ ...config, signing }, { ...deps, clock, store: shoStore, zn });
  const signingOf = (name: string) => ({ cert: pki.files(name).cert, key: pki.files(name).key });
  const config: Omit<ShoConfig, 'signing'> = {
    id: 'sho-a.test',
    ua: free,
    pskTls: 'forward-secret',
    sbi: free,
    tls: pki.files('sho-a.test'),
    bsf: { fqdn: 'bsf.test', publicUrl: 'http://127.0.0.1:1/', admin: peer(bsf.ports.sbi, 'bsf.test') },
    hss: peer(hss.ports.sbi, 'hss.test'),
    zn: [{ bsf: 'bsf.test', peer: peer(bsf.ports.sbi, 'bsf.test') }],
    ro: { id: 'ro.test', peer: peer(ro.port, 'ro.test') },
    pva: { id: 'pva.test', peer: peer(pva.port, 'pva.test'), certificate: pki.files('pva.test').cert },
    owners: [{ name: 'owner.test', spkiSha256: owner.spkiSha256, machines: [{ m2meId: M2ME, impi: OLD_IMPI }] }],
    subscriptions: impis.map((impi) => ({ impi, k: K, opc: OPC, amf: '0000' })),
    publicUrl: 'https://127.0.0.1:1/',
    tokenValiditySeconds: 3600,
    indBits: 5,
    clockSkewSeconds: 300,
    deviceAuthorities: [],
    deviceCrls: [],
    maxCorrections: 2,
    store: memory,
    keyFile,
  };
  let sho = await start(signingOf('sho-a.test'));

  const clients: HttpClient[] = [];
  const clientOf = (port: number, name?: string): HttpClient => {
    const { ca, cert, key } = pki.pem(name ?? 'owner.test');
    const client = createClient({
      ...peer(port, 'sho-a.test'),
      tls: name === undefined ? { ca } : { ca, cert, key },
    });
    clients.push(client);
    return client;
  };
  const device = clientOf(sho.ports.ua);
  const hssAdmin = createClient({ ...peer(hss.ports.sbi, 'hss.test'), tls: pki.pem('sho-a.test') });
  clients.push(hssAdmin);

  return {
    received,
    down,
    hold,
    device,
    time,
    /** Starts the SHO anew on the same store, with these signing keys. */
    async restart(signing: readonly string[]) {
      await sho.close();
      sho = await start(signing.map(signingOf));
    },
    signer: (name: string) => loadSigner(pki.pem(name)),
    certificate: (name: string) => readCertificate(pki.pem(name).cert).der,
    /** An SBI client that shows the certificate of `name`. */
    as: (name: string) => clientOf(sho.ports.sbi, name),
    hssHas: async (impi: string) =>
      (await hssAdmin.send('GET', `/admin/v1/subscribers/${encodeURIComponent(impi)}`)).status === 200,
    provision: (impi: string) =>
      hssAdmin.call('PUT', `/admin/v1/subscribers/${encodeURIComponent(impi)}`, { json: { impi, k: K, opc: OPC } }),
    bootstrap(impi: string): Bootstrapped {
      const rand = systemRandom.bytes(16);
      const made = { btid: makeBtid(rand, 'bsf.test'), impi, ks: SecretKey.adopt(systemRandom.bytes(32)), rand };
      bootstraps.set(made.btid, made);
      return made;
    },
    /** The machine's own derivation of its token keys. */
    tokenKeys({ ks, rand, impi }: Bootstrapped, serial: string): TokenKeys {
      const ksNaf = deriveKsNaf({ ks, rand, impi, nafId: nafId('sho-a.test', UA_TOKEN) });
      return deriveTokenKeys(ksNaf, Buffer.from(serial, 'hex'));
    },
    ua: (made: Bootstrapped, path: string, json: unknown) => sendUa(clientOf(sho.ports.ua), made, path, json),
    /** Everything the SHO and its HSS hold, for "before equals after". */
    state: async () => JSON.stringify([await dump(shoStore, SPACES), await dump(hssStore, ['subscriber'])]),
    async close() {
      for (const client of clients) client.close();
      await sho.close();
      await Promise.all([bsf.close(), hss.close(), ro.close(), pva.close()]);
    },
  };
}

async function dump(store: Store, spaces: readonly string[]) {
  return await Promise.all(spaces.map(async (space) => [space, await store.list(space)]));
}

/** One request over Ua: challenge, then the digest with Ks_NAF of this connection's cipher suite. */
async function sendUa(device: HttpClient, made: Bootstrapped, path: string, json: unknown): Promise<Answer> {
  const first = await device.send('POST', path, { json });
  const { realm, nonce, algorithm } = parseChallenge(String(first.headers['www-authenticate']));
  const uaId = uaIdOfCipherSuite(first.cipherSuite ?? '');
  const ksNaf = deriveKsNaf({ ...made, nafId: nafId('sho-a.test', uaId) });
  const fields = {
    username: made.btid,
    realm,
    nonce,
    uri: path,
    qop: 'auth' as const,
    nc: '00000001',
    cnonce: toHex(systemRandom.bytes(8)),
    algorithm: algorithm ?? 'MD5',
  };
  const password = Buffer.from(ksNaf.bytes().toString('base64'));
  const response = computeResponse({ ...fields, password, method: 'POST' });
  return await device.send('POST', path, {
    json,
    headers: { authorization: buildAuthorization({ ...fields, response }) },
  });
}

/** Waits until `holds`, for work that goes through an outbox; at most two seconds. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came true');
}
