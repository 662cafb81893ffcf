import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { bsfOf, NAMES } from '../../src/lab/index.ts';
import { type RunningM2me, startM2me } from '../../src/m2me/index.ts';
import { changeFleet, connectOwner, type End } from '../../src/owner/index.ts';
import { createMemoryStore, type Store } from '../../src/store/index.ts';
import type { Site } from './site.ts';
import type { Tally } from './tally.ts';

/** A machine that was changed while the servers came and went, and what its owner was told. */
export interface ChangedMachine {
  m2meId: string;
  oldImpi: string;
  end: End | undefined;
  /** The serial that the owner was given. */
  serial: string | undefined;
  store: Store;
  running: RunningM2me;
}

const LANES = 2;
const PAUSE_MS = 150;

/**
 * Changes one machine after the other, a few at once, as long as `going` says; ends when all that were begun, which go into
 * `changed`, have ended.
 */
export async function changeMachines(
  site: Site,
  from: number,
  { tally, going, changed }: { tally: Tally; going: () => boolean; changed: ChangedMachine[] },
): Promise<void> {
  const { plan } = site;
  const world = { clock: systemClock, random: systemRandom };
  const owner = await connectOwner(plan.owner, world);
  const waiting = plan.m2me.slice(from).values();

  async function lane(): Promise<void> {
    for (const planned of waiting) {
      const store = createMemoryStore(systemClock);
      const config = { ...planned, pollMs: 30, idlePollMs: 30, recallPollMs: 60_000 };
      const running = await startM2me(config, { ...world, log: silentLog, store });
      const oldImpi = plan.sho[0]?.owners[0]?.machines.find(({ m2meId }) => m2meId === config.id)?.impi ?? '';
      const machine: ChangedMachine = { m2meId: config.id, oldImpi, end: undefined, serial: undefined, store, running };
      changed.push(machine);
      await changeFleet(owner.tools, [{ m2meId: config.id, url: `http://127.0.0.1:${running.ports.local}` }], {
        parallel: 1,
        patienceMs: 120_000,
        timeoutMs: 120_000,
        looks: { firstMs: 50, longestMs: 200 },
        variant: 'gba',
        bothPresent: false,
        retry: false,
        onEnd: (_, end) => {
          machine.end = end;
        },
      }).catch((error: Error) => tally.wrong.push(`change: ${error.message}`));
      machine.serial = owner.tools.journal.of(config.id).serial;
      tally.done.set('change', (tally.done.get('change') ?? 0) + 1);
      if (!going()) return;
      await delay(PAUSE_MS);
    }
  }

  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    await owner.close();
  }
}

/** Waits until the machine has nothing left to do and is known under its new subscription. */
export async function untilSettled({ store }: ChangedMachine): Promise<void> {
  for (let waited = 0; ; waited += 20) {
    const machine = await store.get<{ roSeen: string | null; toldBtid: string | null }>('m2me', 'machine');
    const { roSeen, toldBtid } = machine?.value ?? {};
    if (roSeen != null && toldBtid?.endsWith(bsfOf(NAMES.newSho)) === true) return;
    assert.ok(waited < 90_000, 'the machine settles');
    await delay(20);
  }
}

interface Stored {
  m2meId: string;
  state: string;
  sho?: string;
  impi?: string;
  orderId?: string;
}

/** What every party has of these machines: each release, token, order, acknowledgement and subscription once, at its end. */
export async function assertNothingLostOrDoubled(site: Site, machines: readonly ChangedMachine[]): Promise<void> {
  const ids = machines.map(({ m2meId }) => m2meId).sort();
  const read = async (party: string, space: string) => (await site.storeOf(party)).list<Stored>(space);
  const states = (entries: { value: Stored }[]) => entries.map(({ value }) => `${value.m2meId} ${value.state}`).sort();
  const each = (state: string) => ids.map((id) => `${id} ${state}`);

  const releases = await read(NAMES.oldSho, 'release');
  assert.deepEqual(states(releases), each('gone'), 'one release and one acknowledgement each');
  const serials = machines.map(({ m2meId, serial }) => `${m2meId} ${serial}`).sort();
  assert.deepEqual(
    releases.map(({ key, value }) => `${value.m2meId} ${key}`).sort(),
    serials,
    'the tokens that owners were given are the ones that were issued',
  );
  const deliveries = await read(NAMES.ro, 'delivery');
  assert.deepEqual(states(deliveries), each('registered'), 'one delivery each');
  assert.deepEqual(deliveries.map(({ key, value }) => `${value.m2meId} ${key}`).sort(), serials, 'by those tokens');
  const orders = await read(NAMES.newSho, 'order');
  assert.deepEqual(states(orders), each('done'), 'one order each');
  const given = (await read(NAMES.newSho, 'subscription')).flatMap(({ key, value }) =>
    value.orderId === undefined ? [] : [`${value.orderId} ${key}`],
  );
  assert.deepEqual(given.sort(), orders.map(({ key, value }) => `${key} ${value.impi}`).sort(), 'a subscription each');
  for (const party of [NAMES.oldSho, NAMES.newSho, NAMES.ro, NAMES.pva]) {
    assert.deepEqual(await read(party, 'outbox'), [], `${party} has said all it had to say`);
  }

  const registrations = new Map((await read(NAMES.ro, 'registration')).map(({ key, value }) => [key, value]));
  const known = new Set((await read(`hss.${NAMES.oldSho}`, 'subscriber')).map(({ key }) => key));
  const served = (await read(bsfOf(NAMES.oldSho), 'bsf-context')).map(({ value }) => value.impi);
  for (const { m2meId, oldImpi, store } of machines) {
    const order = orders.find(({ value }) => value.m2meId === m2meId);
    const { sho, impi } = registrations.get(m2meId) ?? {};
    assert.deepEqual([sho, impi], [NAMES.newSho, order?.value.impi], `${m2meId} is registered`);
    assert.ok(!known.has(oldImpi) && !served.includes(oldImpi), `${m2meId} is let go`);
    const changes = await store.list<Stored>('m2me-change');
    assert.deepEqual(
      changes.map(({ value }) => value.state),
      ['finished'],
      m2meId,
    );
  }
}
