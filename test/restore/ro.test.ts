import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roStoreKind } from '../../src/ro/index.ts';
import { createRegistrations } from '../../src/ro/registrations.ts';
import { confirmRestored, type Op, type Store } from '../../src/store/index.ts';
import { outOfBackup } from './support.ts';

const M2ME = 'm2me-0001';
const IMPI = '001010123456789@ims.mnc001.mcc001.3gppnetwork.org';
const config = { pvas: ['pva.test'] } as unknown as Parameters<typeof createRegistrations>[1];
const records: Op[] = [
  { space: 'registration', key: M2ME, put: { v: 1, m2meId: M2ME, sho: 'sho-a.test', impi: IMPI } },
  { space: 'registration', key: 'in-change', put: { v: 1, m2meId: 'in-change', impi: IMPI } },
  { space: 'open-delivery', key: M2ME, put: '00'.repeat(16) },
  { space: 'package', key: '00'.repeat(16), put: 'AAAA' },
];
const peer = (name: string) => ({ names: [name], spkiSha256: '' }) as unknown as Parameters<Discover>[0];
type Discover = ReturnType<typeof createRegistrations>['discover'];

const out = (work: (registrations: ReturnType<typeof createRegistrations>, store: Store) => Promise<void>) =>
  outOfBackup('ro', roStoreKind, records, (store) => work(createRegistrations(store, config), store));

test('I4: out of a backup, discovery names nobody before the machine has shown itself by the same subscription', () =>
  out(async (registrations, store) => {
    for (const who of ['pva.test', 'sho-a.test']) {
      assert.deepEqual(await registrations.discover(peer(who), M2ME), { state: 'in-change' });
    }
    await assert.rejects(registrations.bind(M2ME, 'new@ims.mnc002.mcc001.3gppnetwork.org'), {
      code: 'machine-unknown',
    });
    assert.deepEqual(await registrations.discover(peer('pva.test'), M2ME), { state: 'in-change' });
    assert.equal((await registrations.bind(M2ME, IMPI)).unconfirmed, undefined);
    assert.deepEqual(await registrations.discover(peer('pva.test'), M2ME), { state: 'registered', sho: 'sho-a.test' });
    const version = (await store.get('registration', M2ME))?.version;
    await registrations.bind(M2ME, IMPI);
    assert.equal((await store.get('registration', M2ME))?.version, version, 'no write when nothing changes');
  }));

test('an old delivery that is registered late names nobody either, until the machine comes', () =>
  out(async (registrations, store) => {
    await store.commit(await registrations.withdraw(M2ME));
    await store.commit(await registrations.register(M2ME, 'sho-b.test', 'new@b.test'));
    assert.deepEqual(await registrations.discover(peer('pva.test'), M2ME), { state: 'in-change' });
    await registrations.bind(M2ME, 'new@b.test');
    assert.deepEqual(await registrations.discover(peer('pva.test'), M2ME), { state: 'registered', sho: 'sho-b.test' });
  }));

test('nothing is open, and a person may confirm all', () =>
  out(async (registrations, store) => {
    assert.deepEqual(await store.list('open-delivery'), []);
    assert.equal((await store.list('package')).length, 1);
    assert.equal((await confirmRestored(store, roStoreKind))?.records, 2);
    assert.deepEqual(await registrations.discover(peer('pva.test'), M2ME), { state: 'registered', sho: 'sho-a.test' });
  }));
