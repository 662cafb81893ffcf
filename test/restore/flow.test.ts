// One whole operator change; then single parties come back out of backups that were made before it, or in the middle.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createSealer, SecretKey, silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { FUNCTIONS } from '../../src/cli/functions.ts';
import { hssStoreKind, startHss } from '../../src/hss/index.ts';
import { createClient, generateAuthDataPath, loadSealingKey, loadTls, ueIdOfImpi } from '../../src/http/index.ts';
import { bsfOf, hssOf, type Lab, NAMES } from '../../src/lab/index.ts';
import { shoStoreKind, startSho } from '../../src/sho/index.ts';
import {
  checkStore,
  exportStore,
  importStore,
  openStore,
  type Store,
  type StoreConfig,
  type StoreKind,
} from '../../src/store/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';

const MACHINE = 'm2me-0001';
const DAY = 86_400_000;
const dir = mkdtempSync(join(tmpdir(), 'gba-restore-'));
after(() => rmSync(dir, { recursive: true }));

const key = SecretKey.adopt(Buffer.alloc(32, 7));
const deps = { clock: systemClock, random: systemRandom, log: silentLog };
let files = 0;

async function backup(fn: string, kind: StoreKind, store: StoreConfig): Promise<string> {
  const file = join(dir, `${files++}`);
  await exportStore({ fn, kind, store, clock: systemClock, random: systemRandom, key, file });
  return file;
}

/** The backup in a store of its own. */
async function restored(
  fn: string,
  kind: StoreKind,
  file: string,
  keyFile: string,
  clock = systemClock,
): Promise<Store> {
  const store = { driver: 'lmdb', path: join(dir, `${files++}`) } as const;
  const sealer = createSealer(loadSealingKey(keyFile), systemRandom);
  await importStore({ fn, kind, store, sealer, clock, key, file });
  return await openStore(store, clock);
}

function part<T extends { store: StoreConfig; keyFile: string }>(parts: readonly T[], at: number): T {
  const found = parts[at];
  assert.ok(found);
  return found;
}

const partyOf = (lab: Lab) => ({
  hssA: part(lab.plan.hss, 0),
  hssB: part(lab.plan.hss, 1),
  shoA: part(lab.plan.sho, 0),
  shoB: part(lab.plan.sho, 1),
});

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('it never came true');
}

/** What the BSF of an operator is answered when it asks for a vector. */
async function vectorStatus(lab: Lab, sho: string, impi: string): Promise<number> {
  const hss = lab.plan.hss.find(({ name }) => name === hssOf(sho));
  const url = `https://127.0.0.1:${hss?.sbi.port ?? 0}`;
  const client = createClient({ url, serverName: hssOf(sho), tls: loadTls(await lab.pki.tls(bsfOf(sho))) });
  const answer = await client.send('POST', generateAuthDataPath(ueIdOfImpi(impi)), { json: {} });
  client.close();
  return answer.status;
}

test('every record of every party is known to its kind, and every seal opens', async () => {
  await withLab(
    async ({ lab, owner }) => {
      const result = await owner.change(MACHINE, 20_000, { variant: 'signed' });
      assert.equal(result.state, 'done', result.reason);
      const { hss, bsf, sho, ro, pva, pki, m2me } = lab.plan;
      const all = { hss, bsf, sho, ro: [ro], pva: [pva], pki: [pki], m2me };
      for (const [fn, configs] of Object.entries(all)) {
        const kind = FUNCTIONS.find(({ name }) => name === fn) as { store?: StoreKind } | undefined;
        assert.ok(kind?.store);
        for (const config of configs as { store: StoreConfig; keyFile?: string }[]) {
          const sealer = config.keyFile === undefined || fn === 'pva' ? undefined : loadSealingKey(config.keyFile);
          const look = await checkStore({
            ...{ fn, kind: kind.store, store: config.store, clock: systemClock },
            ...(sealer && { sealer: createSealer(sealer, systemRandom) }),
          });
          assert.deepEqual(look.told, [], fn);
          assert.ok(look.total > 0, fn);
        }
      }
    },
    { driver: 'lmdb', enrol: true, scenario: { ...EXAMPLE_SCENARIO, basePort: 0 } },
  );
});

test('old HSS backups: who was let go is not served again, who came since is provisioned again, by what the SHOs know', async () => {
  await withLab(
    async ({ lab, owner }) => {
      const { hssA, hssB, shoA, shoB } = partyOf(lab);
      const oldA = await backup('hss', hssStoreKind, hssA.store);
      const oldB = await backup('hss', hssStoreKind, hssB.store);
      const [before] = (await lab.stores.get(hssA.name)?.list<{ impi: string }>('subscriber')) ?? [];
      const result = await owner.change(MACHINE, 20_000);
      assert.equal(result.state, 'done', result.reason);
      const [joined] = (await lab.stores.get(hssB.name)?.list<{ impi: string }>('subscriber')) ?? [];
      const [oldImpi, newImpi] = [before?.key ?? '', joined?.key ?? ''];
      assert.ok(oldImpi !== '' && newImpi !== '');
      for (const name of [hssA.name, hssB.name, shoA.id, shoB.id]) await lab.stop(name);

      const storeA = await restored('hss', hssStoreKind, oldA, hssA.keyFile);
      const storeB = await restored('hss', hssStoreKind, oldB, hssB.keyFile);
      const running = [
        await startHss(hssA, { ...deps, store: storeA }),
        await startHss(hssB, { ...deps, store: storeB }),
      ] as { close(): Promise<void> }[];
      assert.equal(await vectorStatus(lab, NAMES.oldSho, oldImpi), 503, 'held back');
      assert.equal(await vectorStatus(lab, NAMES.newSho, newImpi), 404, 'not in the backup');

      const storeOf = (id: string): { store: Store } => ({ store: lab.stores.get(id) as Store });
      running.push(await startSho(shoA, { ...deps, ...storeOf(shoA.id) }));
      running.push(await startSho(shoB, { ...deps, ...storeOf(shoB.id) }));
      await eventually(async () => (await vectorStatus(lab, NAMES.oldSho, oldImpi)) === 404);
      await eventually(async () => (await vectorStatus(lab, NAMES.newSho, newImpi)) === 200);
      for (const one of running.reverse()) await one.close();
      await Promise.all([storeA.close(), storeB.close()]);
    },
    { driver: 'lmdb' },
  );
});

test('old SHO backups, of any moment of the change: whatever they do with old orders, the machine keeps its subscription', async () => {
  let lab: Lab | undefined;
  const backups = new Map<string, Promise<string>>();
  await withLab(
    async ({ lab: started, owner }) => {
      lab = started;
      const { shoB, hssB } = partyOf(started);
      const result = await owner.change(MACHINE, 20_000);
      assert.equal(result.state, 'done', result.reason);
      const subscribers = started.stores.get(hssB.name);
      const impi = (await subscribers?.list('subscriber'))?.[0]?.key ?? '';
      await started.stop(shoB.id);
      assert.ok(backups.size >= 5, [...backups.keys()].join());
      for (const [moment, made] of backups) {
        const file = await made;
        // Every token is over by then: what the SHO does to orders by itself, it does at its start.
        const clock = { now: () => systemClock.now() + 2 * DAY };
        const store = await restored('sho', shoStoreKind, file, shoB.keyFile, clock);
        const waiting = (await store.list<{ id: string }>('outbox')).map(({ key }) => key.split('/')[0]);
        for (const kind of waiting) assert.ok(['deliver', 'redeliver', 'register'].includes(kind ?? ''), moment);
        const sho = await startSho(shoB, { ...deps, clock, store });
        await eventually(async () =>
          (await store.list<{ attempts: number }>('outbox')).every(({ value }) => value.attempts > 0),
        );
        assert.ok(await subscribers?.get('subscriber', impi), moment);
        for (const { value } of await store.list<{ orderId?: string }>('subscription')) assert.ok(value.orderId);
        assert.deepEqual(await store.list('subscription-free'), [], 'nothing is given twice');
        for (const space of ['bootstrap', 'device', 'open-order']) assert.deepEqual(await store.list(space), []);
        await sho.close();
        await store.close();
      }
    },
    {
      driver: 'lmdb',
      onStep({ step, what, party }) {
        if (party !== NAMES.newSho || lab === undefined) return;
        const moment = `${step} ${what}`;
        if (!backups.has(moment)) backups.set(moment, backup('sho', shoStoreKind, partyOf(lab).shoB.store));
      },
    },
  );
});
