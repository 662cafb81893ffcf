import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GbaError, SecretKey, silentLog, systemClock, systemRandom, toHex } from '../../src/base/index.ts';
import { buildAuthorization, computeResponse, parseChallenge } from '../../src/digest/index.ts';
import { deriveKsNaf, makeBtid, nafId, UA_TOKEN, uaIdOfCipherSuite } from '../../src/gba/index.ts';
import { type Answer, createClient, createRouter, type HttpClient, listen } from '../../src/http/index.ts';
import { packageDigest } from '../../src/mcim/index.ts';
import type { ZnClient } from '../../src/naf/index.ts';
import { startRo } from '../../src/ro/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import {
  type Claims,
  deriveRoKeys,
  deriveTokenKeys,
  makeToken,
  narrowToken,
  type RoKeys,
  readToken,
  releaseLock,
} from '../../src/token/index.ts';
import { makeTestPki } from '../support/pki.ts';

export const M2ME = 'm2me-0001';
export const OLD_IMPI = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';
const RO = 'ro.test';
const SHOS = ['sho-a.test', 'sho-b.test', 'sho-c.test'];
const SPACES = ['delivery', 'package', 'open-delivery', 'delivery-of-order', 'registration', 'outbox'];
const HOUR = 3_600_000;

export interface Bootstrapped {
  btid: string;
  impi: string;
  ks: SecretKey;
  rand: Buffer;
}

export interface Received {
  path: string;
  json: Record<string, unknown>;
}

export type Lab = Awaited<ReturnType<typeof startLab>>;

/** A real RO; the new SHO is a server that writes down what it gets. Zn is played: bootstrappings are made here. */
export async function startLab() {
  const pki = makeTestPki([RO, 'pva.test', 'stranger.test', ...SHOS]);
  const keyFile = join(pki.dir, 'sealing-key');
  writeFileSync(keyFile, systemRandom.bytes(32).toString('hex'));
  const free = { address: '127.0.0.1', port: 0 };
  const peer = (port: number, serverName: string) => ({ url: `https://127.0.0.1:${port}`, serverName });

  const received: Received[] = [];
  const router = createRouter(
    ['releases', 'results', 'refusals'].map((kind) => ({
      method: 'POST',
      path: `/ro/v1/${kind}`,
      handle(c) {
        received.push({ path: kind, json: c.json({ parse: (value) => value as Record<string, unknown> }) });
        return { status: 204 };
      },
    })),
    silentLog,
  );
  const newSho = await listen(router, { ...free, tls: pki.pem('sho-b.test'), clientCertificate: 'required' });

  const bootstraps = new Map<string, Bootstrapped>();
  const zn: ZnClient = {
    async fetch({ btid, nafFqdn, uaId }) {
      const found = bootstraps.get(btid);
      if (found === undefined) throw new GbaError('btid-unknown', 'no such bootstrapping');
      const ksNaf = deriveKsNaf({ ...found, nafId: nafId(nafFqdn, uaId) });
      return { ksNaf, keyExpiry: systemClock.now() + HOUR, impi: found.impi };
    },
  };
  const store = createMemoryStore(systemClock);
  const ro = await startRo(
    {
      id: RO,
      ua: free,
      pskTls: 'forward-secret',
      sbi: free,
      tls: pki.files(RO),
      zn: [{ bsf: 'bsf.test', peer: peer(1, 'bsf.test') }],
      shos: SHOS.map((id) => ({ id, peer: peer(newSho.port, 'sho-b.test') })),
      pvas: ['pva.test'],
      initialRegistrations: [{ m2meId: M2ME, sho: 'sho-a.test', impi: OLD_IMPI }],
      chunkBytes: 65_536,
      maxPackageBytes: 4096,
      reminderSeconds: 3600,
      store: { driver: 'memory' },
      keyFile,
    },
    { clock: systemClock, random: systemRandom, log: silentLog, store, zn },
  );
  const clients: HttpClient[] = [];
  const open = (port: number, name?: string): HttpClient => {
    const tls = name === undefined ? { ca: pki.pem(RO).ca } : pki.pem(name);
    const client = createClient({ ...peer(port, RO), tls });
    clients.push(client);
    return client;
  };
  const device = open(ro.ports.ua);
  return {
    received,
    device,
    as: (name: string) => open(ro.ports.sbi, name),
    bootstrap(impi: string): Bootstrapped {
      const rand = systemRandom.bytes(16);
      const made = { btid: makeBtid(rand, 'bsf.test'), impi, ks: SecretKey.adopt(systemRandom.bytes(32)), rand };
      bootstraps.set(made.btid, made);
      return made;
    },
    /** The machine's own derivation. */
    roKeys: (made: Bootstrapped, serial: Buffer): RoKeys =>
      deriveRoKeys(deriveKsNaf({ ...made, nafId: nafId(RO, UA_TOKEN) }), serial),
    ua: (made: Bootstrapped, method: string, path: string, json?: unknown) => sendUa(device, made, method, path, json),
    state: async () => JSON.stringify(await Promise.all(SPACES.map(async (space) => [space, await store.list(space)]))),
    async close() {
      for (const client of clients) client.close();
      await ro.close();
      await newSho.close();
    },
  };
}

/** A delivery as a new SHO makes it; the package is any octets, for the RO cannot look inside. */
export function makeDelivery(serial: Buffer, r: Buffer, change: Partial<Claims> = {}, size = 1000) {
  const now = Math.floor(systemClock.now() / 1000) * 1000;
  const claims: Claims = {
    version: 1,
    serial,
    bootstrap: { blinded: Buffer.alloc(32, 1) },
    m2meId: M2ME,
    newSho: { id: 'sho-b.test', keyHashes: [Buffer.alloc(32, 2)] },
    roId: RO,
    permissions: { install: true, unregister: true },
    notBefore: now - HOUR,
    notAfter: now + HOUR,
    releaseLock: releaseLock(r),
    ...change,
  };
  const token = readToken(makeToken(claims, deriveTokenKeys(SecretKey.adopt(systemRandom.bytes(32)), serial)));
  const octets = systemRandom.bytes(size);
  return {
    orderId: toHex(systemRandom.bytes(16)),
    m2meId: claims.m2meId,
    boundToken: narrowToken(token, packageDigest(octets), claims.newSho.id).toString('base64'),
    digest: toHex(packageDigest(octets)),
    package: octets.toString('base64'),
  };
}

async function sendUa(device: HttpClient, made: Bootstrapped, method: string, path: string, json?: unknown) {
  const sending = json === undefined ? {} : { json };
  const first = await device.send(method, path, sending);
  const { realm, nonce, algorithm } = parseChallenge(String(first.headers['www-authenticate']));
  const ksNaf = deriveKsNaf({ ...made, nafId: nafId(RO, uaIdOfCipherSuite(first.cipherSuite ?? '')) });
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
  const authorization = buildAuthorization({ ...fields, response: computeResponse({ ...fields, password, method }) });
  const answer: Answer = await device.send(method, path, { ...sending, headers: { authorization } });
  return answer;
}

/** Waits until `holds`, for work that goes through the outbox; at most two seconds. */
export async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came true');
}
