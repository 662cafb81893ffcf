import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  answerTo,
  CAPABILITIES_EXCHANGE,
  DEVICE_WATCHDOG,
  DISCONNECT_CAUSE,
  DISCONNECT_PEER,
  DiameterRefusal,
  get,
  type Message,
  make,
  originOf,
  RESULT,
  RESULT_CODE,
  refusalTo,
  ZN_APPLICATION,
} from '../../../src/diameter/index.ts';
import { capabilitiesOf } from '../../../src/diameter/peer/capabilities.ts';
import type { PeerAction, PeerMachine } from '../../../src/diameter/peer/machine.ts';
import { createPair, kinds, localOf, machineOf } from './support.ts';

const success = make(RESULT_CODE, RESULT.SUCCESS);
const peer = localOf('b.test');

function sent(actions: readonly PeerAction[], code = 0): Message {
  const found = actions.find((action) => action.kind === 'send' && (code === 0 || action.message.code === code));
  if (found?.kind !== 'send') throw new Error(`nothing was sent: ${kinds(actions)}`);
  return found.message;
}

function request(code: number, avps: Message['avps']): Message {
  const flags = { request: true, proxiable: false, error: false, retransmitted: false };
  return { ...flags, code, application: 0, hopByHop: 5, endToEnd: 6, avps };
}
const cerOf = (node = peer): Message => request(CAPABILITIES_EXCHANGE.code, capabilitiesOf(node, '127.0.0.1'));

/** A machine that has connected and waits for the CEA, with its CER. */
function waiting(options: Parameters<typeof machineOf>[2] = {}): {
  machine: PeerMachine;
  connection: number;
  cer: Message;
} {
  const machine = machineOf('a.test', 'b.test', options);
  const [connect] = machine.step({ kind: 'start' }, 0);
  if (connect?.kind !== 'connect') throw new Error('does not connect');
  const cer = sent(machine.step({ kind: 'connected', connection: connect.connection }, 0));
  return { machine, connection: connect.connection, cer };
}
function opened(options: Parameters<typeof machineOf>[2] = {}) {
  const { machine, connection, cer } = waiting(options);
  const message = answerTo(cer, [success, ...capabilitiesOf(peer, '127.0.0.1')]);
  assert.deepEqual(kinds(machine.step({ kind: 'message', connection, message }, 0)), ['status okay']);
  return { machine, connection };
}

test('every CEA but the right one closes the connection and is tried again later', () => {
  const bad: ((cer: Message) => Message)[] = [
    (cer) => refusalTo(cer, new DiameterRefusal(RESULT.UNKNOWN_PEER, 'no'), peer),
    (cer) => answerTo(cer, [make(RESULT_CODE, 5010), ...originOf(peer)]),
    (cer) => answerTo(cer, [success, ...capabilitiesOf(localOf('other.test'), '127.0.0.1')]),
    (cer) => answerTo(cer, [success, ...capabilitiesOf(localOf('b.test', [ZN_APPLICATION]), '127.0.0.1')]),
    () => request(DEVICE_WATCHDOG.code, originOf(peer)),
    () => cerOf(),
  ];
  for (const make of bad) {
    const { machine, connection, cer } = waiting();
    assert.deepEqual(kinds(machine.step({ kind: 'message', connection, message: make(cer) }, 0)), ['close']);
    assert.equal(machine.state, 'closed');
    assert.ok((machine.deadline() ?? 0) > 0);
  }
});

test('a peer that says nothing is given up; attempts come later and later, at most every 30 s, for ever', () => {
  const { machine } = waiting();
  let now = machine.deadline() ?? 0;
  assert.equal(now, 10_000);
  assert.deepEqual(kinds(machine.step({ kind: 'tick' }, now - 1)), []);
  assert.deepEqual(kinds(machine.step({ kind: 'tick' }, now)), ['close']);
  const gaps: number[] = [];
  for (let i = 0; i < 8; i++) {
    const at = machine.deadline() ?? 0;
    gaps.push(Math.round((at - now) / 1000));
    const [action] = machine.step({ kind: 'tick' }, at);
    assert.equal(action?.kind, 'connect');
    if (action?.kind === 'connect') machine.step({ kind: 'closed', connection: action.connection }, at);
    now = at;
  }
  assert.deepEqual(gaps, [1, 2, 4, 8, 16, 30, 30, 30]);
});

test('a first message that is no CEA yet, and late events of old connections, change nothing', () => {
  const { machine, connection } = opened();
  const stale = connection + 40;
  assert.deepEqual(kinds(machine.step({ kind: 'connected', connection: stale }, 1)), ['close']);
  assert.deepEqual(kinds(machine.step({ kind: 'closed', connection: stale }, 1)), []);
  assert.deepEqual(kinds(machine.step({ kind: 'message', connection: stale, message: cerOf() }, 1)), []);
  assert.deepEqual(kinds(machine.step({ kind: 'accepted', connection: stale, cer: cerOf() }, 1)), ['close']);
  assert.equal(machine.state, 'i-open');
  assert.throws(() => machine.step({ kind: 'start' }, 2), { code: 'invalid-transition' });
});

test('the accepting side answers the CER and is open', () => {
  const machine = machineOf('a.test', 'b.test', { initiates: false });
  assert.deepEqual(machine.step({ kind: 'start' }, 0), []);
  assert.equal(machine.deadline(), undefined);
  const actions = machine.step({ kind: 'accepted', connection: 9, cer: cerOf() }, 0);
  assert.deepEqual(kinds(actions), ['send', 'status okay']);
  assert.equal(get(sent(actions).avps, RESULT_CODE), 2001);
  assert.equal(machine.state, 'r-open');
  assert.deepEqual(kinds(machine.step({ kind: 'closed', connection: 9 }, 5)), ['status down']);
  assert.equal(machine.deadline(), undefined, 'who does not connect waits');
});

test('watchdog: a silent link is suspect, then closed; any message makes it okay again', () => {
  const { machine, connection } = opened();
  const at = () => machine.deadline() ?? 0;
  const dwr = sent(machine.step({ kind: 'tick' }, at()));
  assert.equal(dwr.code, DEVICE_WATCHDOG.code);
  assert.deepEqual(kinds(machine.step({ kind: 'tick' }, at())), ['status suspect']);
  const dwa = answerTo(dwr, [success, ...originOf(peer)]);
  assert.deepEqual(kinds(machine.step({ kind: 'message', connection, message: dwa }, 70_000)), ['status okay']);
  sent(machine.step({ kind: 'tick' }, at()), DEVICE_WATCHDOG.code);
  assert.deepEqual(kinds(machine.step({ kind: 'tick' }, at())), ['status suspect']);
  assert.deepEqual(kinds(machine.step({ kind: 'tick' }, at())), ['close', 'status down']);
});

test('a link that was lost has to answer three watchdogs before it is trusted', () => {
  const { machine, connection } = opened();
  machine.step({ kind: 'closed', connection }, 1_000);
  const actions = machine.step({ kind: 'accepted', connection: 77, cer: cerOf() }, 2_000);
  assert.deepEqual(kinds(actions), ['send', 'send', 'status reopening']);
  let dwr = sent(actions, DEVICE_WATCHDOG.code);
  for (let i = 0; i < 2; i++) {
    const dwa = answerTo(dwr, [success, ...originOf(peer)]);
    assert.deepEqual(kinds(machine.step({ kind: 'message', connection: 77, message: dwa }, 3_000)), []);
    dwr = sent(machine.step({ kind: 'tick' }, machine.deadline() ?? 0), DEVICE_WATCHDOG.code);
  }
  const last = answerTo(dwr, [success, ...originOf(peer)]);
  assert.deepEqual(kinds(machine.step({ kind: 'message', connection: 77, message: last }, 90_000)), ['status okay']);
});

test('a link that comes back and stays silent is closed', () => {
  const { machine, connection } = opened();
  machine.step({ kind: 'closed', connection }, 0);
  machine.step({ kind: 'accepted', connection: 77, cer: cerOf() }, 0);
  assert.deepEqual(kinds(machine.step({ kind: 'tick' }, machine.deadline() ?? 0)), []);
  assert.deepEqual(kinds(machine.step({ kind: 'tick' }, machine.deadline() ?? 0)), ['close', 'status down']);
});

test('DPR is answered and nothing more is sent; who does not want us is left alone for long', () => {
  for (const [cause, least] of [
    [0, 500],
    [1, 200_000],
    [2, 200_000],
  ] as const) {
    const { machine, connection } = opened();
    const message = request(DISCONNECT_PEER.code, [...originOf(peer), make(DISCONNECT_CAUSE, cause)]);
    assert.deepEqual(kinds(machine.step({ kind: 'message', connection, message }, 0)), ['send', 'status down']);
    assert.equal(machine.connection, undefined);
    machine.step({ kind: 'closed', connection }, 10);
    assert.equal(machine.state, 'closed');
    assert.ok((machine.deadline() ?? 0) >= least, `cause ${cause}`);
  }
});

test('stopping says DPR, takes late answers, and ends with DPA, with the connection, or with time', () => {
  const dprOf = (machine: PeerMachine) => sent(machine.step({ kind: 'stop' }, 0));
  const first = opened();
  const dpr = dprOf(first.machine);
  assert.equal(get(dpr.avps, DISCONNECT_CAUSE), 0);
  const late = { ...answerTo(cerOf(), [success]), application: ZN_APPLICATION, code: 310 };
  const { connection } = first;
  assert.deepEqual(kinds(first.machine.step({ kind: 'message', connection, message: late }, 1)), ['deliver']);
  const dpa = answerTo(dpr, [success, ...originOf(peer)]);
  assert.deepEqual(kinds(first.machine.step({ kind: 'message', connection, message: dpa }, 1)), ['close']);
  assert.equal(first.machine.deadline(), undefined, 'a stopped machine does not come back');
  assert.deepEqual(kinds(first.machine.step({ kind: 'accepted', connection: 9, cer: cerOf() }, 2)), ['close']);

  const second = opened();
  dprOf(second.machine);
  assert.deepEqual(kinds(second.machine.step({ kind: 'tick' }, 5_000)), ['close']);
  const third = waiting();
  assert.deepEqual(kinds(third.machine.step({ kind: 'stop' }, 0)), ['close']);
  assert.deepEqual(kinds(third.machine.step({ kind: 'closed', connection: third.connection }, 0)), []);
});

/** Runs `play` for every sequence of choices among what may happen next. */
function everyOrder(play: (choose: (options: number) => number) => void): number {
  let path: number[] = [];
  for (let runs = 1; ; runs++) {
    const counts: number[] = [];
    play((options) => {
      const at = counts.push(options) - 1;
      path[at] ??= 0;
      return path[at] ?? 0;
    });
    path = path.slice(0, counts.length);
    let last = counts.length - 1;
    while (last >= 0 && (path[last] ?? 0) + 1 >= (counts[last] ?? 0)) last--;
    if (last < 0 || runs > 100_000) return runs;
    path = [...path.slice(0, last), (path[last] ?? 0) + 1];
  }
}

for (const names of [
  { a: 'a.test', b: 'b.test' },
  { a: 'B.test', b: 'a.test' },
]) {
  test(`both connect at once (${names.a}, ${names.b}): in every order one connection is left, the same for both`, () => {
    const runs = everyOrder((choose) => {
      const pair = createPair({ a: true, b: true }, names);
      const order: number[] = [];
      // Which side starts when is part of the order.
      let unstarted: ('a' | 'b')[] = ['a', 'b'];
      for (let i = 0; i < 100; i++) {
        const events = pair.pending() + unstarted.length;
        if (events === 0) break;
        const choice = choose(events);
        order.push(choice);
        const side = unstarted[choice];
        if (side === undefined) pair.next(choice - unstarted.length);
        else {
          unstarted = unstarted.filter((one) => one !== side);
          if (pair.machines[side].state === 'closed') pair.step(side, { kind: 'start' });
        }
      }
      assert.ok(pair.joined(), `order ${order}: ${pair.machines.a.state}, ${pair.machines.b.state}`);
    });
    assert.ok(runs > 50 && runs <= 100_000, `${runs} orders`);
  });
}

test('after a cut both find each other again', () => {
  const pair = createPair({ a: true, b: false });
  pair.step('a', { kind: 'start' });
  pair.step('b', { kind: 'start' });
  pair.settle();
  assert.ok(pair.joined());
  pair.cut();
  pair.settle(1_000);
  assert.equal(pair.machines.a.state, 'closed');
  pair.step('a', { kind: 'tick' }, 5_000);
  pair.settle(5_000);
  assert.ok(pair.joined());
  assert.equal(pair.machines.a.status, 'reopening');
});
