import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GbaError } from '../../../src/base/index.ts';
import {
  answerTo,
  DiameterRefusal,
  type Message,
  make,
  originOf,
  RESULT,
  RESULT_CODE,
  refusalTo,
  SESSION_ID,
  ZH_MULTIMEDIA_AUTH,
} from '../../../src/diameter/index.ts';
import { createIdentifiers } from '../../../src/diameter/peer/identifiers.ts';
import { createRequests, type RequestAction } from '../../../src/diameter/peer/requests.ts';
import { clock, evenRandom } from './support.ts';

const REQUEST = { command: ZH_MULTIMEDIA_AUTH, avps: [make(SESSION_ID, 'a;1;2')], peers: ['one', 'two'] };
const peerNode = { host: 'one', realm: 'test' };
const make2001 = (request: Message): Message => answerTo(request, [make(RESULT_CODE, 2001), ...originOf(peerNode)]);
const refused = (request: Message, code: number): Message =>
  refusalTo(request, new DiameterRefusal(code, 'refused'), peerNode);

function fresh(maxInFlight = 10) {
  const ids = createIdentifiers('bsf.test', clock, evenRandom);
  return createRequests(ids, { maxInFlight, timeoutMs: 10_000, connectMs: 2_000 });
}
function sentTo(actions: readonly RequestAction[]): { peer: string; message: Message } {
  const [action] = actions;
  if (actions.length !== 1 || action?.kind !== 'send') throw new Error(`not one sending: ${JSON.stringify(actions)}`);
  return action;
}
function failure(actions: readonly RequestAction[]): string {
  const [action] = actions;
  return actions.length === 1 && action?.kind === 'failed' ? action.error.code : JSON.stringify(actions);
}

test('without a peer a request waits a while and fails; too many that wait are refused', () => {
  const requests = fresh(2);
  requests.submit(REQUEST, 0);
  requests.submit(REQUEST, 100);
  assert.throws(() => requests.submit(REQUEST, 100), { code: 'overloaded', retryable: true });
  assert.equal(requests.deadline(), 2_000);
  assert.deepEqual(requests.tick(1_999), []);
  assert.equal(failure(requests.tick(2_000)), 'peer-unreachable');
  assert.equal(requests.size, 1);
});

test('a request that waits goes out when a peer comes up, not marked as sent before', () => {
  const requests = fresh();
  requests.submit(REQUEST, 0);
  const { peer, message } = sentTo(requests.status('two', 'okay', 500));
  assert.equal(peer, 'two');
  assert.equal(message.retransmitted, false);
  assert.equal(requests.deadline(), 10_000);
});

test('answers of others, of other commands or with another end-to-end identifier are dropped', () => {
  const requests = fresh();
  requests.status('one', 'okay', 0);
  const { message } = sentTo(requests.submit(REQUEST, 0).actions);
  const answer = make2001(message);
  assert.deepEqual(requests.answer('two', answer), []);
  assert.deepEqual(requests.answer('one', { ...answer, hopByHop: answer.hopByHop + 1 }), []);
  assert.deepEqual(requests.answer('one', { ...answer, endToEnd: answer.endToEnd + 1 }), []);
  assert.deepEqual(requests.answer('one', { ...answer, code: 310 }), []);
  assert.deepEqual(requests.answer('one', { ...answer, application: 16_777_216 }), []);
  assert.equal(requests.answer('one', answer)[0]?.kind, 'answered');
  assert.deepEqual(requests.answer('one', answer), [], 'an answer counts once');
  assert.equal(requests.size, 0);
});

test('a silent peer costs the request; a late answer is dropped', () => {
  const requests = fresh();
  requests.status('one', 'okay', 0);
  const { message } = sentTo(requests.submit(REQUEST, 0).actions);
  assert.equal(failure(requests.tick(10_000)), 'peer-unreachable');
  assert.deepEqual(requests.answer('one', make2001(message)), []);
});

test('failover: a lost peer hands over to the next one with T, the same end-to-end and a new hop-by-hop identifier', () => {
  const requests = fresh();
  requests.status('one', 'okay', 0);
  requests.status('two', 'okay', 0);
  const first = sentTo(requests.submit(REQUEST, 0).actions);
  const second = sentTo(requests.status('one', 'down', 100));
  assert.equal(second.peer, 'two');
  assert.equal(second.message.retransmitted, true);
  assert.equal(second.message.endToEnd, first.message.endToEnd);
  assert.notEqual(second.message.hopByHop, first.message.hopByHop);
  assert.equal(requests.answer('two', make2001(second.message))[0]?.kind, 'answered');
});

test('failover to nobody: the request waits, and goes out again with T when the peer is back', () => {
  const requests = fresh();
  requests.status('one', 'okay', 0);
  requests.submit(REQUEST, 0);
  assert.deepEqual(requests.status('one', 'down', 100), []);
  const again = sentTo(requests.status('one', 'reopening', 1_500));
  assert.equal(again.message.retransmitted, true);
  assert.deepEqual(requests.status('one', 'down', 2_000), []);
  assert.equal(failure(requests.tick(4_000)), 'peer-unreachable');
});

test('a suspect peer is left for an okay one only, and the answer of either counts, once', () => {
  const requests = fresh();
  requests.status('one', 'okay', 0);
  requests.status('two', 'suspect', 0);
  const first = sentTo(requests.submit(REQUEST, 0).actions);
  assert.equal(first.peer, 'one');
  assert.deepEqual(requests.status('one', 'suspect', 10), []);
  assert.deepEqual(requests.status('two', 'okay', 15), []);
  const second = sentTo(requests.status('one', 'suspect', 20));
  assert.equal(second.peer, 'two');
  assert.equal(requests.answer('one', make2001(first.message))[0]?.kind, 'answered');
  assert.deepEqual(requests.answer('two', make2001(second.message)), []);
});

test('failback: the first peer gets new requests as soon as it is okay again, not while it reopens', () => {
  const requests = fresh();
  const next = () => sentTo(requests.submit(REQUEST, 0).actions).peer;
  requests.status('one', 'reopening', 0);
  requests.status('two', 'okay', 0);
  assert.equal(next(), 'two');
  requests.status('one', 'okay', 0);
  assert.equal(next(), 'one');
  requests.status('one', 'suspect', 0);
  assert.equal(next(), 'two');
});

test('3002 and 3004 of one agent try the next, without T; other errors and the last peer answer', () => {
  for (const code of [RESULT.UNABLE_TO_DELIVER, RESULT.TOO_BUSY]) {
    const requests = fresh();
    requests.status('one', 'okay', 0);
    requests.status('two', 'okay', 0);
    const first = sentTo(requests.submit(REQUEST, 0).actions);
    const second = sentTo(requests.answer('one', refused(first.message, code)));
    assert.deepEqual([second.peer, second.message.retransmitted], ['two', false]);
    assert.equal(requests.answer('two', refused(second.message, code))[0]?.kind, 'answered');
  }
  const requests = fresh();
  requests.status('one', 'okay', 0);
  requests.status('two', 'okay', 0);
  const { message } = sentTo(requests.submit(REQUEST, 0).actions);
  assert.equal(requests.answer('one', refused(message, RESULT.REALM_NOT_SERVED))[0]?.kind, 'answered');
});

test('in-flight limits: a full peer is passed over, all full is overload; an answer makes room', () => {
  const requests = fresh(1);
  requests.status('one', 'okay', 0);
  requests.status('two', 'okay', 0);
  const first = sentTo(requests.submit(REQUEST, 0).actions);
  assert.equal(sentTo(requests.submit(REQUEST, 0).actions).peer, 'two');
  assert.throws(() => requests.submit(REQUEST, 0), { code: 'overloaded' });
  requests.answer('one', make2001(first.message));
  assert.equal(sentTo(requests.submit(REQUEST, 0).actions).peer, 'one');
});

test('an answer that cannot be read fails its request at once; closing fails all', () => {
  const requests = fresh();
  requests.status('one', 'okay', 0);
  const { message } = sentTo(requests.submit(REQUEST, 0).actions);
  assert.deepEqual(requests.invalid('one', message.hopByHop + 1, new GbaError('x', 'x')), []);
  assert.equal(failure(requests.invalid('one', message.hopByHop, new GbaError('x', 'x'))), 'peer-refused');
  requests.submit(REQUEST, 0);
  assert.equal(failure(requests.abort()), 'peer-unreachable');
  assert.equal(requests.size, 0);
});

test('end-to-end identifiers carry the time and do not repeat; Session-Ids begin with the identity', () => {
  const ids = createIdentifiers('bsf.test', clock, evenRandom);
  const seen = new Set(Array.from({ length: 1_000 }, () => ids.endToEnd()));
  assert.equal(seen.size, 1_000);
  assert.equal((ids.endToEnd() >>> 20) & 0xfff, (clock.now() / 1000) & 0xfff);
  const [a, b] = [ids.sessionId(), ids.sessionId()];
  assert.match(a, /^bsf\.test;\d+;\d+$/);
  assert.notEqual(a, b);
});
