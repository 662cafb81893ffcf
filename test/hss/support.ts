import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AkaKeys, createSqnState, type SqnState, usimAuthenticate } from '../../src/aka/index.ts';
import { type Log, SecretKey, systemRandom } from '../../src/base/index.ts';
import { type HssConfig, hssConfigSchema, startHss } from '../../src/hss/index.ts';
import {
  type Answer,
  authenticationInfoResultSchema,
  createClient,
  generateAuthDataPath,
  type HttpClient,
  ueIdOfImpi,
} from '../../src/http/index.ts';
import { createMemoryStore, type Store } from '../../src/store/index.ts';
import { makeTestPki } from '../support/pki.ts';

export const HSS = 'hss.test';
export const BSF = 'bsf.test';
export const SHO = 'sho.test';
const STRANGER = 'stranger.test';
export const IMPI = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';
/** TS 35.208 test set 1. */
export const K = '465b5ce8b199b49faa5f0a2ee238a6bc';
export const OP = 'cdc202d5123e20f62b6d676ac72cb318';
export const OPC = 'cd63cb71954a9f4e48a5994e37a02baf';

export const pki = makeTestPki([HSS, BSF, SHO, STRANGER]);
export const dir = mkdtempSync(join(tmpdir(), 'gba-hss-'));

export function writeKeyFile(name: string): string {
  const path = join(dir, name);
  writeFileSync(path, systemRandom.bytes(32).toString('hex'));
  return path;
}

export function writeSubscribers(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

export const keyFile = writeKeyFile('sealing-key');

export interface Vector {
  rand: Buffer;
  autn: Buffer;
  xres: Buffer;
  ck: Buffer;
  ik: Buffer;
}

/** A real HSS behind mutual TLS, its store and clock in the test's hands; every log line is kept. */
export async function startTestHss(options: { store?: Store; now?: number; config?: Record<string, unknown> } = {}) {
  const time = { now: options.now ?? Date.UTC(2027, 0, 1) };
  const clock = { now: () => time.now };
  const store = options.store ?? createMemoryStore(clock);
  const lines: string[] = [];
  const keep = (event: string, fields?: object) => void lines.push(JSON.stringify({ event, ...fields }));
  const log: Log = { info: keep, warn: keep, error: keep, child: () => log };
  const config: HssConfig = hssConfigSchema.parse({
    name: HSS,
    sbi: { port: 0 },
    tls: pki.files(HSS),
    clients: { av: [BSF], admin: [SHO] },
    store: { driver: 'memory' },
    keyFile,
    ...options.config,
  });
  const hss = await startHss(config, { clock, random: systemRandom, log, store });
  const url = `https://127.0.0.1:${hss.ports.sbi}`;
  const clientOf = (tls: { ca: string; cert?: string; key?: string }): HttpClient =>
    createClient({ url, serverName: HSS, tls });
  const [bsf, sho, stranger] = [BSF, SHO, STRANGER].map((name) => clientOf(pki.pem(name))) as [
    HttpClient,
    HttpClient,
    HttpClient,
  ];

  const ask = (impi = IMPI, json: unknown = {}): Promise<Answer> =>
    bsf.send('POST', generateAuthDataPath(ueIdOfImpi(impi)), { json });
  const adminPath = (impi = IMPI): string => `/admin/v1/subscribers/${encodeURIComponent(impi)}`;

  return {
    time,
    store,
    lines,
    bsf,
    sho,
    stranger,
    clientOf,
    ask,
    adminPath,
    async vector(impi?: string, resynchronization?: { rand: Buffer; auts: Buffer }): Promise<Vector> {
      const { rand, auts } = resynchronization ?? {};
      const info = rand && auts && { rand: rand.toString('hex'), auts: auts.toString('hex') };
      const answer = await ask(impi, info === undefined ? {} : { resynchronizationInfo: info });
      if (answer.status !== 200) throw new Error(`no vector: ${answer.status} ${answer.cause()}`);
      const av = answer.json(authenticationInfoResultSchema)['3gAkaAv'];
      const octets = (hex: string) => Buffer.from(hex, 'hex');
      return {
        rand: octets(av.rand),
        autn: octets(av.autn),
        xres: octets(av.xres),
        ck: octets(av.ck),
        ik: octets(av.ik),
      };
    },
    provision: (json: Record<string, unknown> = {}, impi = IMPI): Promise<Answer> =>
      sho.send('PUT', adminPath(impi), { json: { impi, k: K, opc: OPC, ...json } }),
    /** Everything that is stored about subscribers. */
    state: async () => JSON.stringify([await store.list('subscriber'), await store.list('hss-state')]),
    async close() {
      for (const client of [bsf, sho, stranger]) client.close();
      await hss.close();
    },
  };
}

/** The `cause` on the wire, as another vendor's BSF reads it. */
export const causeOf = (answer: Answer): string =>
  answer.json({ parse: (value) => (value as { cause: string }).cause });

export type TestHss = Awaited<ReturnType<typeof startTestHss>>;

/** A card with the keys of set 1 that keeps its sequence numbers. */
export function makeCard(sqn: SqnState = createSqnState()) {
  const key = (hex: string) => SecretKey.adopt(Buffer.from(hex, 'hex'));
  const keys: AkaKeys = { k: key(K), opc: key(OPC) };
  const card = {
    keys,
    sqn,
    take(vector: Pick<Vector, 'rand' | 'autn'>) {
      const result = usimAuthenticate(keys, card.sqn, vector.rand, vector.autn);
      if (result.result === 'ok') card.sqn = result.next;
      return result;
    },
  };
  return card;
}
