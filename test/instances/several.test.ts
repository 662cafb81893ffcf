// Two BSFs and two ROs, processes of their own behind a plain TCP balancer, and everybody on one PostgreSQL: they are killed,
// one after the other, and so is the server of the stores, while phones bootstrap and ask for pages and machines change operator.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { NAMES } from '../../src/lab/index.ts';
import type { Store } from '../../src/store/index.ts';
import { postgresOrSkip } from '../support/postgres.ts';
import { bootstrap } from '../support/ue.ts';
import { assertNothingLostOrDoubled, type ChangedMachine, changeMachines, untilSettled } from './changes.ts';
import { answered, askRo, type Phone, phoneOf, prove, usePhone } from './phones.ts';
import { type PartyName, type Site, startSite } from './site.ts';
import { doneOf, newTally, type Tally, untilDone } from './tally.ts';

const PHONES = 6;
const MACHINES = 40;
/** So much of each kind must be done in every phase in which one instance is away. */
const LOAD = { bootstrap: 20, page: 20, change: 1 };
const CONTEXTS_PER_IMPI = 4;

/** One instance is killed and stays away for a while; the load does not stop. */
async function without(site: Site, name: PartyName, tally: Tally): Promise<number> {
  const before = doneOf(tally, 'bootstrap') + doneOf(tally, 'page');
  const role = site.roleOf(name);
  await site.parties.kill(name, { stays: true });
  await untilDone(tally, LOAD);
  const done = doneOf(tally, 'bootstrap') + doneOf(tally, 'page') - before;
  await site.parties.start(name, role);
  return done;
}

/** The server of all stores is killed, and back after somebody has noticed. */
async function withoutStore(site: Site, tally: Tally): Promise<void> {
  const before = tally.retryable;
  await site.server.kill();
  while (tally.retryable < before + 10) await delay(10);
  await site.server.start();
}

/** Every context that a phone was told of is there, but those that newer ones took the place of; and no others but unheard ones. */
async function assertContexts(store: Store, phone: Phone): Promise<number> {
  const { impi } = phone.subscriber;
  const all = await store.list<{ impi: string }>('bsf-context');
  const contexts = all.filter(({ value }) => value.impi === impi).map(({ key }) => key);
  const listed = (await store.get<{ btids: string[] }>('bsf-subscription', impi))?.value.btids ?? [];
  assert.deepEqual([...contexts].sort(), [...listed].sort(), `${impi}: each context once`);
  assert.equal(new Set(phone.told).size, phone.told.length, 'no B-TID twice');
  const heard = listed.filter((btid) => phone.told.includes(btid));
  assert.deepEqual(heard, phone.told.slice(phone.told.length - heard.length), `${impi}: the newest ones`);
  assert.ok(listed.length - heard.length <= phone.unheard, `${impi}: what it was not told of was cut off`);
  assert.ok(heard.length > 0 && listed.length === Math.min(CONTEXTS_PER_IMPI, phone.told.length), `${impi}: as many`);
  return phone.told.length;
}

/** What one instance has taken, no instance takes again: the balancer brings it to each of them. */
async function assertNoReplay(site: Site, { m2meId, subscriber }: Phone): Promise<void> {
  const [bsf] = site.plan.bsf;
  const run = await bootstrap(`http://127.0.0.1:${bsf?.ub.port ?? 0}`, subscriber, bsf?.name ?? '');
  const proof = prove(answered(await askRo(site, m2meId), 401), m2meId, run, 1);
  assert.equal((await askRo(site, m2meId, proof)).status, 200);
  for (const _ of [1, 2, 3]) assert.equal((await askRo(site, m2meId, proof)).status, 401);
}

test('two BSFs, two ROs and their PostgreSQL are killed under load: clients see retryable refusals, nothing is lost or doubled', {
  ...postgresOrSkip,
  timeout: 280_000,
}, async (t) => {
  const site = await startSite(PHONES + 1 + MACHINES);
  const tally = newTally();
  const changed: ChangedMachine[] = [];
  let going = true;
  const isGoing = (): boolean => going;
  try {
    const phones = Array.from({ length: PHONES }, (_, i) => phoneOf(site, i));
    const using = phones.map((phone) => usePhone(site, phone, tally, isGoing));
    const changing = changeMachines(site, PHONES + 1, { tally, going: isGoing, changed });
    await untilDone(tally, { ...LOAD, change: 1 });
    const lone: number[] = [];
    for (const name of ['bsf-a1', 'bsf-a2', 'ro-1', 'ro-2'] as const) lone.push(await without(site, name, tally));
    await withoutStore(site, tally);
    await untilDone(tally, LOAD);
    await withoutStore(site, tally);
    await untilDone(tally, LOAD);
    going = false;
    await Promise.all(using);
    await changing;
    for (const machine of changed) await untilSettled(machine);

    assert.deepEqual(tally.wrong, []);
    assert.deepEqual(site.parties.faults(), []);
    assert.deepEqual(
      changed.map(({ end }) => end),
      changed.map(() => ({ state: 'done' })),
    );
    await assertNothingLostOrDoubled(site, changed);
    const bsf = await site.storeOf(`bsf.${NAMES.oldSho}`);
    let contexts = 0;
    for (const phone of phones) contexts += await assertContexts(bsf, phone);
    await assertNoReplay(site, phoneOf(site, PHONES));
    t.diagnostic(
      `${contexts} contexts told of, ${doneOf(tally, 'page')} pages, ${changed.length} changes, ${tally.retryable} retryable refusals; ` +
        `done while one instance was away: ${lone.join(', ')}`,
    );
  } finally {
    going = false;
    for (const machine of changed) await machine.running.close();
    await site.close();
  }
});
