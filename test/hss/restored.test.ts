import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkAutn, type SqnGenerator } from '../../src/aka/index.ts';
import { createSealer, SecretKey, systemRandom } from '../../src/base/index.ts';
import { hssStoreKind } from '../../src/hss/index.ts';
import { loadSealingKey } from '../../src/http/index.ts';
import { confirmRestored, exportStore, importStore, openLmdbStore } from '../../src/store/index.ts';
import { dir, IMPI, keyFile, makeCard, startTestHss, type TestHss, type Vector } from './support.ts';

const GONE = 'gone@ims.mnc001.mcc001.3gppnetwork.org';
const DAY = 86_400_000;
const START = Date.UTC(2027, 0, 1);

const sqnOf = ({ rand, autn }: Vector): string => {
  const opened = checkAutn(makeCard().keys, rand, autn);
  assert.ok(opened.ok);
  return opened.sqn.toString('hex');
};

/** An HSS of a scheme; `backup` and `restore` take it from one store to the next. */
async function world(sqnScheme: 'counter' | 'time') {
  const time = { now: START };
  const clock = { now: () => time.now };
  let path = mkdtempSync(join(dir, 'store-'));
  let store = openLmdbStore(path, clock);
  let hss = await startTestHss({ store, now: time.now, config: { sqnScheme } });
  const common = { fn: 'hss', kind: hssStoreKind, clock, key: SecretKey.adopt(Buffer.alloc(32, 7)) };
  const configOf = () => ({ driver: 'lmdb', path }) as const;
  const stop = async (): Promise<void> => {
    await hss.close();
    await store.close();
  };
  return {
    hss: (): TestHss => hss,
    store: () => store,
    stop,
    pass(ms: number) {
      time.now += ms;
      hss.time.now = time.now;
    },
    async backup(): Promise<string> {
      const file = `${path}.backup`;
      await exportStore({ ...common, store: configOf(), random: systemRandom, file });
      return file;
    },
    async restore(file: string): Promise<void> {
      await stop();
      path = mkdtempSync(join(dir, 'store-'));
      const sealer = createSealer(loadSealingKey(keyFile), systemRandom);
      await importStore({ ...common, store: configOf(), sealer, file });
      store = openLmdbStore(path, clock);
      hss = await startTestHss({ store, now: time.now, config: { sqnScheme } });
    },
  };
}

for (const scheme of ['counter', 'time'] as const) {
  test(`${scheme}: an HSS out of an old backup gives no sequence number again, and the card takes the next`, async () => {
    const w = await world(scheme);
    await w.hss().provision();
    const card = makeCard();
    const given = new Set<string>();
    const authenticate = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        const vector = await w.hss().vector();
        assert.equal(given.has(sqnOf(vector)), false, 'a number comes again');
        given.add(sqnOf(vector));
        assert.equal(card.take(vector).result, 'ok');
        w.pass(1_000);
      }
    };
    await authenticate(5);
    const file = await w.backup();
    await authenticate(60);
    for (let round = 0; round < 3; round++) {
      w.pass(round * DAY);
      await w.restore(file);
      await w.hss().sho.call('POST', `${w.hss().adminPath()}/confirmation`);
      await authenticate(40);
    }
    await w.stop();
  });
}

test('nobody out of a backup gets a vector before being confirmed; who was removed since is not confirmed by anybody', async () => {
  const w = await world('counter');
  await w.hss().provision();
  await w.hss().provision({}, GONE);
  const file = await w.backup();
  await w.hss().sho.call('DELETE', w.hss().adminPath(GONE));
  w.pass(1_000);
  await w.restore(file);

  for (const impi of [IMPI, GONE]) {
    const answer = await w.hss().ask(impi);
    assert.deepEqual([answer.status, answer.cause()], [503, 'subscriber-unconfirmed']);
  }
  const mark = (await w.hss().sho.call('GET', '/admin/v1/restored')).json({ parse: (value) => value });
  assert.deepEqual(mark, { madeAt: START, restoredAt: START + 1_000 });
  const view = (await w.hss().sho.call('GET', w.hss().adminPath())).json({
    parse: (value) => value as { unconfirmed?: boolean },
  });
  assert.equal(view.unconfirmed, true);

  await w.hss().sho.call('POST', `${w.hss().adminPath()}/confirmation`);
  await w.hss().vector();
  assert.equal((await w.hss().ask(GONE)).status, 503);
  const stranger = await w.hss().stranger.send('POST', `${w.hss().adminPath(GONE)}/confirmation`);
  assert.equal(stranger.status, 403);
  const unknown = await w.hss().sho.send('POST', `${w.hss().adminPath('nobody@x.test')}/confirmation`);
  assert.deepEqual([unknown.status, unknown.cause()], [404, 'user-unknown']);
  await w.hss().sho.call('DELETE', w.hss().adminPath(GONE));
  assert.equal((await w.hss().ask(GONE)).status, 404);
  await w.stop();
});

test('one who is provisioned anew is confirmed by that, and the number goes on; a person may confirm all at once', async () => {
  const w = await world('counter');
  await w.hss().provision();
  for (let i = 0; i < 300; i++) await w.hss().provision({}, `${i}@ims.mnc001.mcc001.3gppnetwork.org`);
  const file = await w.backup();
  const card = makeCard();
  card.take(await w.hss().vector());
  w.pass(1_000);
  await w.restore(file);
  await w.hss().provision();
  assert.equal(card.take(await w.hss().vector()).result, 'ok');
  const { sqn } = (await w.store().get<{ sqn: SqnGenerator & { seq: number } }>('subscriber', IMPI))?.value ?? {};
  assert.ok((sqn?.seq ?? 0) > 2 ** 24);

  assert.equal((await w.hss().ask('7@ims.mnc001.mcc001.3gppnetwork.org')).status, 503);
  assert.equal((await confirmRestored(w.store(), hssStoreKind))?.records, 300);
  await w.hss().vector('7@ims.mnc001.mcc001.3gppnetwork.org');
  assert.deepEqual((await w.hss().sho.call('GET', '/admin/v1/restored')).json({ parse: (value) => value }), {});
  await w.stop();
});

test('settings come back with their time, and a change after that has another one', async () => {
  const w = await world('counter');
  const guss = { ussList: [{ uss: { gsId: 1, gsType: 1, ueIds: [{ ueId: 'sip:a@ims.test' }] } }] };
  await w.hss().provision({ guss });
  const shown = async () => {
    const answer = await w.hss().sho.send('GET', `${w.hss().adminPath()}/guss`, { headers: { accept: 'text/xml' } });
    return answer.body.toString();
  };
  const before = await shown();
  assert.match(before, /<timestamp>.*sip:a@ims\.test/);
  const file = await w.backup();
  w.pass(DAY);
  await w.restore(file);
  assert.equal(await shown(), before);
  await w.hss().sho.send('DELETE', `${w.hss().adminPath()}/guss`);
  const time = /<timestamp>([^<]*)/.exec(await shown())?.[1] ?? '';
  assert.equal(Date.parse(time), START + DAY);
  await w.stop();
});
