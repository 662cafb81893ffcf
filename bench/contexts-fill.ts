// node --expose-gc --import tsx bench/contexts-fill.ts DRIVER COUNT SECONDS FOLDER: fills a store as a BSF does, one context, subscription and TMPI
// for each of COUNT subscribers, for at most SECONDS, and looks some of them up; prints what that took as JSON. With 0 SECONDS it only looks
// at the COUNT contexts that are in FOLDER already.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSealer, SecretKey, systemClock, systemRandom } from '../src/base/index.ts';
import {
  CONTEXTS,
  type ContextRecord,
  openKs,
  SUBSCRIPTIONS,
  type SubscriptionRecord,
  sealKs,
  TMPIS,
} from '../src/bsf/records.ts';
import { deriveTmpi, makeBtid } from '../src/gba/index.ts';
import { createMemoryStore, type Op, openLmdbStore } from '../src/store/index.ts';

const BSF = 'bsf.mnc001.mcc001.pub.3gppnetwork.org';
/** So many in one commit: pages that several of them touch are written once. */
const BATCH = 2_000;
const LOOKS = 20_000;
/** The same in both processes, and of no store that counts. */
const KEY = '5b'.repeat(32);
const [driver = 'lmdb', count = '1000', seconds = '10', folder = ''] = process.argv.slice(2);

const store = driver === 'memory' ? createMemoryStore(systemClock) : openLmdbStore(folder, systemClock);
const sealer = createSealer(SecretKey.adopt(Buffer.from(KEY, 'hex')), systemRandom);
const expiresAt = systemClock.now() + 86_400_000;
const randOf = (i: number): Buffer => {
  const rand = Buffer.alloc(16, 0x5a);
  rand.writeUInt32BE(Math.imul(i + 1, 0x9e3779b1) >>> 0);
  rand.writeUInt32BE(i, 4);
  return rand;
};
const impiOf = (i: number): string => `00101${String(i).padStart(10, '0')}@ims.mnc001.mcc001.3gppnetwork.org`;

function opsOf(i: number): Op[] {
  const [rand, impi] = [randOf(i), impiOf(i)];
  const btid = makeBtid(rand, BSF);
  const ks = SecretKey.adopt(systemRandom.bytes(32));
  const tmpi = deriveTmpi({ ks, rand, impi, bsf: BSF });
  const context: ContextRecord = {
    v: 1,
    impi,
    uiccType: 'GBA',
    createdAt: systemClock.now(),
    keyExpiry: expiresAt,
    sealed: sealKs(sealer, btid, ks),
  };
  ks.erase();
  const subscription: SubscriptionRecord = { v: 1, generation: 0, btids: [btid], tmpis: [tmpi] };
  return [
    { space: CONTEXTS, key: btid, expect: 0, put: context, expiresAt },
    { space: SUBSCRIPTIONS, key: impi, expect: 0, put: subscription, expiresAt },
    { space: TMPIS, key: tmpi, put: { v: 1, impi }, expiresAt },
  ];
}

/** Resident memory of its own, without pages of files, which the system takes back when it needs them. */
function ownMemory(): number {
  globalThis.gc?.();
  try {
    const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // Not on Linux: all of it.
  }
  return process.memoryUsage().rss;
}

const before = { own: ownMemory(), rss: process.memoryUsage().rss };
const started = performance.now();
const until = started + Number(seconds) * 1000;
let made = seconds === '0' ? Number(count) : 0;
while (made < Number(count) && performance.now() < until) {
  const ops: Op[] = [];
  for (let i = 0; i < BATCH; i++) ops.push(...opsOf(made + i));
  if (!(await store.commit(ops))) throw new TypeError('a context was there already');
  made += BATCH;
}
const filled = performance.now();
for (let i = 0; i < LOOKS; i++) {
  const btid = makeBtid(randOf(Math.imul(i, 7919) % made), BSF);
  const entry = await store.get<ContextRecord>(CONTEXTS, btid);
  if (entry === undefined) throw new TypeError('a live context is gone');
  openKs(sealer, btid, entry.value.sealed).erase();
}
const looked = performance.now();
const disk =
  folder === '' ? 0 : readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0);
process.stdout.write(
  JSON.stringify({
    made,
    fillMs: filled - started,
    looksPerSecond: (LOOKS / (looked - filled)) * 1000,
    ownBytes: ownMemory() - before.own,
    rssBytes: process.memoryUsage().rss - before.rss,
    diskBytes: disk,
  }),
);
await store.close();
