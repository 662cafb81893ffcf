import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GbaError, systemClock, systemRandom } from '../../src/base/index.ts';
import {
  changeFleet,
  createOwnerJournal,
  type End,
  type OperatorClient,
  type OwnerTools,
} from '../../src/owner/index.ts';
import { loadSigner } from '../../src/x509/index.ts';
import { makeTestPki } from '../support/pki.ts';
import { silentStore } from './support.ts';

test('an end that was journalled without an answer is not forgotten: nothing is ordered again', async () => {
  const store = silentStore();
  const journal = await createOwnerJournal(store);
  await journal.note('m', { to: 'sho-b.test', instructed: true });
  store.silent = true;
  await assert.rejects(journal.note('m', { end: { state: 'done' } }), { code: 'store-unavailable' });
  store.silent = false;
  const asked: string[] = [];
  const operator = new Proxy({} as OperatorClient, {
    get: (_, name) => () => {
      asked.push(String(name));
      return Promise.reject(new GbaError('not-owner', 'asked'));
    },
  });
  const { cert, key } = makeTestPki(['owner.test']).pem('owner.test');
  const tools: OwnerTools = {
    oldSho: operator,
    newSho: operator,
    newShoId: 'sho-b.test',
    roId: 'ro.test',
    pvaId: 'pva.test',
    signer: loadSigner({ cert, key }),
    journal,
    clock: systemClock,
    wallClock: systemClock,
    random: systemRandom,
    pace: { firstMs: 1, longestMs: 1 },
  };
  const ends: End[] = [];
  await changeFleet(tools, [{ m2meId: 'm', url: 'http://127.0.0.1:1' }], {
    parallel: 1,
    patienceMs: 1_000,
    timeoutMs: 1_000,
    looks: { firstMs: 1, longestMs: 1 },
    variant: undefined,
    bothPresent: false,
    retry: false,
    onEnd: (_, end) => ends.push(end),
  });
  assert.deepEqual([ends, asked], [[{ state: 'done' }], []]);
});
