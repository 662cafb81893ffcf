import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bsfOf, NAMES } from '../../src/lab/index.ts';
import { createMachineClient } from '../../src/owner/index.ts';
import { type Point, pointsIn } from './meter.ts';
import type { Deadly } from './parties.ts';
import { EVERYBODY, GUESTS, type Name, type World } from './world.ts';

/** For everything that must come by itself once the owner says that the change is done, milliseconds. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 15;

export interface Changed {
  /** Every point that each party came to, in order. */
  points: ReadonlyMap<Name, Point[]>;
  kills: number;
}

/**
 * One whole change, from a machine as it leaves the factory until nobody has anything left to do, with these points deadly.
 * Throws where it does not end as it must.
 */
export async function changeOne(world: World, i: number, deadly: Deadly<Name>): Promise<Changed> {
  const config = world.machine(i);
  const dir = await world.watch(deadly);
  await world.start({ kind: 'm2me', config });
  const url = `http://127.0.0.1:${config.local.port}`;
  await world.start({ kind: 'owner', config: world.plan.owner, machine: { m2meId: config.id, url } });
  const end = await world.ownerEnded();
  const oldImpi = world.plan.sho[0]?.owners[0]?.machines.find(({ m2meId }) => m2meId === config.id)?.impi ?? '';
  const unrest = await untilQuiet(() => unrestOf(world, config.id));
  const points = new Map(EVERYBODY.map((name) => [name, pointsIn(join(dir, name))]));
  const kills = world.kills();
  assert.ok(end.state === 'done' || end.state === 'nothing to do', `the owner's change: ${end.state} ${end.reason}`);
  assert.equal(unrest, undefined);
  await assertRight(world, config.id, oldImpi, url);
  for (const name of GUESTS) await world.stop(name);
  assert.deepEqual(world.faults(), []);
  return { points, kills };
}

async function untilQuiet(look: () => Promise<string | undefined>): Promise<string | undefined> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const unrest = await look();
    if (unrest === undefined || waited > PATIENCE_MS) return unrest;
    await delay(LOOK_MS);
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Who has something left to do. */
async function unrestOf(world: World, m2meId: string): Promise<string | undefined> {
  const serial = (await world.list('m2me', 'm2me-change'))[0]?.key;
  const machine = (await world.list('m2me', 'm2me'))[0]?.value;
  if (machine === undefined || machine['roSeen'] !== serial) return 'the machine has not been seen by the RO';
  if (!text(machine['toldBtid']).endsWith(bsfOf(NAMES.newSho))) return 'the new operator does not know the bootstrap';
  for (const name of ['sho-a', 'sho-b', 'ro', 'pva', 'm2me'] as const) {
    const [message] = await world.list(name, 'outbox');
    if (message !== undefined) return `${name} has ${message.key} to send`;
  }
  const order = (await world.list('sho-b', 'order')).find(({ value }) => value['m2meId'] === m2meId);
  return order?.value['state'] === 'done' ? undefined : `the order is ${order?.value['state']}`;
}

/** Done, active with the new operator, let go by the old one, registered, and nothing twice. */
async function assertRight(world: World, m2meId: string, oldImpi: string, url: string): Promise<void> {
  const of = async (name: Name, space: string) =>
    (await world.list(name, space)).filter(({ value }) => value['m2meId'] === m2meId);
  const statesOf = async (name: Name, space: string) => (await of(name, space)).map(({ value }) => value['state']);
  const changes = await world.list('m2me', 'm2me-change');
  assert.deepEqual(
    changes.map(({ value }) => value['state']),
    ['finished'],
  );
  assert.deepEqual(await statesOf('sho-a', 'release'), ['gone'], 'one release');
  const orders = await of('sho-b', 'order');
  assert.deepEqual(
    orders.map(({ value }) => value['state']),
    ['done'],
    'one order',
  );
  assert.deepEqual(await statesOf('ro', 'delivery'), ['registered'], 'one delivery');
  assert.deepEqual(await statesOf('pva', 'validation'), ['positive'], 'one validation');

  const [order] = orders;
  const newImpi = text(order?.value['impi']);
  const given = await world.list('sho-b', 'subscription');
  const orderIds = new Set((await world.list('sho-b', 'order')).map(({ key }) => key));
  const taken = given.filter(({ value }) => value['orderId'] !== undefined);
  assert.deepEqual(
    taken.filter(({ value }) => value['orderId'] === order?.key).map(({ key }) => key),
    [newImpi],
    'one subscription',
  );
  assert.equal(taken.length, orderIds.size, 'as many subscriptions given as orders taken');

  const [registration] = await of('ro', 'registration');
  assert.deepEqual(
    [registration?.value['sho'], registration?.value['impi']],
    [NAMES.newSho, newImpi],
    'registered as subscribing to the new operator',
  );
  const keys = async (name: Name, space: string) => (await world.list(name, space)).map(({ key }) => key);
  assert.ok(!(await keys('hss-a', 'subscriber')).includes(oldImpi), 'the old HSS has let go');
  assert.ok((await keys('hss-b', 'subscriber')).includes(newImpi), 'the new HSS serves');
  const contexts = async (name: Name) => (await world.list(name, 'bsf-context')).map(({ value }) => value['impi']);
  assert.ok(!(await contexts('bsf-a')).includes(oldImpi), 'the old BSF has let go');
  assert.ok((await contexts('bsf-b')).includes(newImpi), 'the new BSF serves');
  const journal = (await world.list('owner', 'owner-change')).find(({ key }) => key === m2meId);
  assert.deepEqual(journal?.value['end'], { state: 'done' }, 'the owner knows');

  const machine = createMachineClient(url);
  try {
    const status = await machine.status();
    assert.deepEqual([status.operator, status.impi], [NAMES.newSho, newImpi], 'active');
    assert.equal((await machine.bootstrap()).bsf, bsfOf(NAMES.newSho), 'the proof that it worked');
  } finally {
    machine.close();
  }
}
