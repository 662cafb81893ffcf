import assert from 'node:assert/strict';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Log, silentLog, systemClock, systemRandom } from '../../../src/base/index.ts';
import {
  AUTH_SESSION_STATE,
  type Avp,
  answerTo,
  checkMessage,
  createFramer,
  DESTINATION_REALM,
  type DiameterNode,
  decodeMessage,
  diameterSchema,
  encodeMessage,
  FAILED_AVP,
  get,
  type Message,
  make,
  originOf,
  PUBLIC_IDENTITY,
  RESULT_CODE,
  resultOf,
  SESSION_ID,
  type Service,
  startDiameterNode,
  USER_NAME,
  ZH_APPLICATION,
  ZH_MULTIMEDIA_AUTH,
} from '../../../src/diameter/index.ts';
import { makeTestPki } from '../../support/pki.ts';
import { changed, vector, without } from '../support.ts';

const pki = makeTestPki(['a.test', 'b.test', 'c.test']);
const open: DiameterNode[] = [];
after(() => Promise.all(open.map((node) => node.close())));

/** Echoes the user's name, and counts. */
function echo(): Service & { served: number; hold?: Promise<void> } {
  const service: ReturnType<typeof echo> = {
    command: ZH_MULTIMEDIA_AUTH,
    served: 0,
    async serve(request) {
      service.served++;
      await service.hold;
      return [make(RESULT_CODE, 2001), make(USER_NAME, get(request.avps, USER_NAME) ?? '')];
    },
  };
  return service;
}

async function start(
  host: string,
  config: { peers: unknown[]; listen?: object; [more: string]: unknown },
  services: Service[] = [],
  log: Log = silentLog,
): Promise<DiameterNode> {
  const parsed = diameterSchema.parse({ host, realm: 'test', ...config });
  const tls = ['a.test', 'b.test', 'c.test'].includes(host) ? pki.pem(host) : undefined;
  const node = await startDiameterNode(parsed, [ZH_APPLICATION], services, {
    clock: systemClock,
    random: systemRandom,
    log,
    tls,
  });
  open.push(node);
  return node;
}

const listener = (transport = 'tcp') => ({ port: 0, transport });
const reach = (host: string, port: number | undefined, transport = 'tcp') => ({
  host,
  transport,
  connect: { address: '127.0.0.1', port },
});

function ask(node: DiameterNode, user: string, more: Avp[] = []): Promise<Message> {
  const avps = [
    make(SESSION_ID, node.newSessionId()),
    make(AUTH_SESSION_STATE, 1),
    ...originOf(node),
    make(DESTINATION_REALM, 'test'),
    make(USER_NAME, user),
    ...more,
  ];
  return node.request(ZH_MULTIMEDIA_AUTH, avps, { realm: 'test' });
}
const userOf = (message: Message) => get(message.avps, USER_NAME);

for (const transport of ['tcp', 'tls']) {
  test(`requests go over ${transport} and come back, many at once, and the end is orderly`, async () => {
    const service = echo();
    const statuses: unknown[] = [];
    const log: Log = {
      ...silentLog,
      child: () => log,
      info: (_event, fields) => void statuses.push(fields?.['status']),
    };
    const peers = [{ host: 'a.test', transport }];
    const server = await start('b.test', { peers, listen: listener(transport) }, [service], log);
    const client = await start('a.test', { peers: [reach('b.test', server.port, transport)] });
    const users = Array.from({ length: 100 }, (_, i) => `user${i}@test`);
    const answers = await Promise.all(users.map((user) => ask(client, user)));
    assert.deepEqual(answers.map(userOf), users);
    assert.equal(client.status('b.test'), 'okay');
    await client.close();
    assert.equal(service.served, 100);
    assert.deepEqual(statuses, ['okay', 'down']);
    await server.close();
  });
}

test('a certificate of another name, another authority or none gets nowhere', async () => {
  const server = await start('b.test', { peers: [{ host: 'a.test' }, { host: 'c.test' }], listen: listener('tls') });
  const impostor = diameterSchema.parse({
    host: 'a.test',
    realm: 'test',
    peers: [reach('b.test', server.port, 'tls')],
    requestSeconds: 1,
  });
  const foreign = makeTestPki(['a.test']);
  for (const tls of [pki.pem('c.test'), foreign.pem('a.test')]) {
    const deps = { clock: systemClock, random: systemRandom, log: silentLog, tls };
    const node = await startDiameterNode(impostor, [ZH_APPLICATION], [], deps);
    open.push(node);
    await assert.rejects(ask(node, 'x'), { code: 'peer-unreachable' });
  }
  // The server's certificate is another's.
  const misled = await start('a.test', { peers: [reach('c.test', server.port, 'tls')], requestSeconds: 1 });
  await assert.rejects(ask(misled, 'x'), { code: 'peer-unreachable' });
  assert.equal(server.status('a.test'), 'down');
});

test('without credentials there is no node that uses TLS, and no port is left open', async () => {
  await assert.rejects(start('x.test', { peers: [{ host: 'a.test' }] }), { code: 'config-invalid' });
});

test('both sides connect: one connection serves both directions', async () => {
  const [one, two] = [echo(), echo()];
  const b = await start('b.test', { peers: [{ host: 'a.test', transport: 'tcp' }], listen: listener() }, [two]);
  const a = await start('a.test', { peers: [reach('b.test', b.port)] }, [one]);
  assert.equal(userOf(await ask(a, 'to b')), 'to b');
  assert.equal(userOf(await ask(b, 'to a')), 'to a');
});

test('failover and failback: a second way takes over, the first one again when it is back', async () => {
  const [first, second] = [echo(), echo()];
  let release = (): void => undefined;
  first.hold = new Promise((resolve) => {
    release = resolve;
  });
  const peers = [{ host: 'a.test', transport: 'tcp' }];
  const b = await start('b.test', { peers, listen: listener() }, [first]);
  const c = await start('c.test', { peers, listen: listener() }, [second]);
  const a = await start('a.test', { peers: [reach('b.test', b.port), reach('c.test', c.port)] });
  while (a.status('b.test') !== 'okay' || a.status('c.test') !== 'okay') {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const answer = ask(a, 'moved');
  while (first.served === 0) await new Promise((resolve) => setImmediate(resolve));
  await b.close();
  assert.equal(userOf(await answer), 'moved');
  assert.equal(second.served, 1);
  release();
  assert.equal(userOf(await ask(a, 'next')), 'next');
  assert.equal(second.served, 2);
});

test('octets that are no Diameter end a TLS connection, and nothing else', async () => {
  const server = await start('b.test', { peers: [{ host: 'a.test' }], listen: listener('tls') });
  for (const first of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.concat([vector('cer'), Buffer.alloc(20)])]) {
    const socket = connectTls({
      port: server.port ?? 0,
      host: '127.0.0.1',
      ...pki.pem('a.test'),
      servername: 'b.test',
    });
    socket.on('error', () => undefined);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.once('secureConnect', () => socket.write(first));
    socket.resume();
    await ended;
  }
  const client = await start('a.test', { peers: [reach('b.test', server.port, 'tls')] });
  assert.equal(resultOf(await ask(client, 'x'))?.code, 3001, 'it still answers: no service here');
});

test('a node that is closing refuses requests at once', async () => {
  const node = await start('a.test', { peers: [reach('b.test', 1)] });
  const pending = ask(node, 'before');
  const closing = node.close();
  await assert.rejects(pending, { code: 'peer-unreachable' });
  await assert.rejects(ask(node, 'while'), { code: 'peer-unreachable' });
  await closing;
  await assert.rejects(ask(node, 'after'), { code: 'peer-unreachable' });
});

test('an answer too long for a peer is not sent: 5012 instead, and the link stays', async () => {
  const service: Service = {
    command: ZH_MULTIMEDIA_AUTH,
    serve: (request) =>
      Promise.resolve([
        make(RESULT_CODE, 2001),
        make(USER_NAME, get(request.avps, USER_NAME) === 'long' ? 'x'.repeat(70_000) : 'short'),
      ]),
  };
  const peers = [{ host: 'a.test', transport: 'tcp' }];
  const server = await start('b.test', { peers, listen: listener() }, [service]);
  const client = await start('a.test', { peers: [reach('b.test', server.port)] });
  assert.equal(resultOf(await ask(client, 'long'))?.code, 5012);
  assert.equal(userOf(await ask(client, 'next')), 'short');
});

/** A peer made of raw octets. */
async function rawPeer(port: number | undefined, cer = vector('cer')) {
  const socket: Socket = connectTcp(port ?? 0, '127.0.0.1');
  const framer = createFramer();
  const waiting: ((message: Message | undefined) => void)[] = [];
  const came: (Message | undefined)[] = [];
  const give = (message: Message | undefined): void => {
    const waiter = waiting.shift();
    if (waiter === undefined) came.push(message);
    else waiter(message);
  };
  socket.on('data', (chunk: Buffer) => {
    for (const octets of framer.push(chunk)) give(decodeMessage(octets));
  });
  socket.on('error', () => undefined);
  socket.on('close', () => give(undefined));
  await new Promise((resolve) => socket.once('connect', resolve));
  if (cer.length > 0) socket.write(cer);
  return {
    socket,
    send: (octets: Buffer) => socket.write(octets),
    /** The next message; undefined when the connection has been closed. */
    next: (): Promise<Message | undefined> =>
      came.length > 0 ? Promise.resolve(came.shift()) : new Promise((resolve) => waiting.push(resolve)),
  };
}

async function rawServer(options: { agent?: boolean; maxInFlight?: number } = {}) {
  const service = echo();
  const { agent = false, ...more } = options;
  const peers = [{ host: 'bsf.test', transport: 'tcp', agent }];
  const node = await start('b.test', { ...more, realm: 'home.test', peers, listen: listener() }, [service]);
  return { service, port: node.port, node };
}
const resultIn = async (peer: Awaited<ReturnType<typeof rawPeer>>) => {
  const message = await peer.next();
  return message === undefined ? 'closed' : resultOf(message)?.code;
};

test('what is not Diameter, not a CER or of a stranger ends the connection', async () => {
  const { port } = await rawServer();
  for (const first of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), vector('mar'), vector('maa'), Buffer.alloc(20)]) {
    assert.equal(await (await rawPeer(port, first)).next(), undefined);
  }
  const stranger = await rawPeer(
    port,
    changed('cer', (avps) => [...without(264)(avps), ...originOf({ host: 'x.test', realm: 'test' }).slice(0, 1)]),
  );
  assert.equal(await resultIn(stranger), 3010);
  assert.equal(await stranger.next(), undefined);
});

test('faulty requests are answered with their fault, and the link goes on', async () => {
  const { port, service } = await rawServer();
  const peer = await rawPeer(port);
  assert.equal(await resultIn(peer), 2001);
  peer.send(changed('mar', without(277)));
  const answer = await peer.next();
  assert.equal(answer && resultOf(answer)?.code, 5005);
  assert.ok(get(answer?.avps ?? [], FAILED_AVP));
  peer.send(changed('mar', (avps) => avps, { code: 304 }));
  const unknown = await peer.next();
  assert.deepEqual([unknown?.error, unknown && resultOf(unknown)?.code], [true, 3001]);
  peer.send(changed('mar', (avps) => avps, { application: 7 }));
  assert.equal(await resultIn(peer), 3007);
  peer.send(changed('bir', (avps) => avps));
  assert.equal(await resultIn(peer), 3003, 'for another realm');
  peer.send(changed('cer', without(257)));
  assert.equal(await resultIn(peer), 5005);
  // An answer that nobody waits for, and one that is broken, are dropped.
  peer.send(vector('maa'));
  peer.send(changed('maa', without(264)));
  peer.send(vector('mar'));
  assert.equal(await resultIn(peer), 2001);
  assert.equal(service.served, 1);
  peer.send(Buffer.from('0200001400000000', 'hex'));
  assert.equal(await peer.next(), undefined);
});

test('a repeated request is answered again and served once, also on the next connection', async () => {
  const { port, service } = await rawServer();
  const peer = await rawPeer(port);
  await peer.next();
  peer.send(vector('mar'));
  const first = await peer.next();
  peer.socket.destroy();
  const again = await rawPeer(port);
  await again.next();
  // Watchdogs of a link that is back come first.
  again.send(changed('mar', (avps) => avps, { retransmitted: true, hopByHop: 1 }));
  let second = await again.next();
  while (second?.code === 280) second = await again.next();
  assert.equal(service.served, 1);
  assert.deepEqual(second?.avps, first?.avps);
  assert.equal(second?.hopByHop, 1);
});

test('a peer brings only its own requests unless it is an agent; too many at once are 3004', async () => {
  const foreign = changed('mar', (avps) => [
    ...originOf({ host: 'other.test', realm: 'test' }),
    ...without(264)(without(296)(avps)),
  ]);
  const direct = await rawPeer((await rawServer()).port);
  await direct.next();
  direct.send(foreign);
  assert.equal(await resultIn(direct), 5003);
  const { port, service } = await rawServer({ agent: true, maxInFlight: 1 });
  let release = (): void => undefined;
  service.hold = new Promise((resolve) => {
    release = resolve;
  });
  const agent = await rawPeer(port);
  await agent.next();
  agent.send(foreign);
  agent.send(changed('mar', (avps) => avps, { endToEnd: 9 }));
  assert.equal(await resultIn(agent), 3004);
  release();
  assert.equal(await resultIn(agent), 2001);
});

test('DWR and DPR are answered; a second connection of the same peer is turned away', async () => {
  const { port, node } = await rawServer();
  const peer = await rawPeer(port);
  await peer.next();
  const second = await rawPeer(port);
  assert.equal(await second.next(), undefined);
  const base = { ...decodeMessage(vector('cer')), avps: originOf({ host: 'bsf.test', realm: 'test' }) };
  peer.send(encodeMessage({ ...base, code: 280 }));
  const dwa = await peer.next();
  assert.deepEqual([dwa?.code, dwa?.request], [280, false]);
  const closing = node.close();
  const dpr = await peer.next();
  assert.deepEqual([dpr?.code, dpr?.request], [282, true]);
  if (dpr !== undefined) {
    checkMessage(dpr);
    peer.send(encodeMessage(answerTo(dpr, [make(RESULT_CODE, 2001), ...base.avps])));
  }
  assert.equal(await peer.next(), undefined);
  await closing;
});

test('an answer that cannot be read is refused by type at once', async () => {
  const { node, port } = await rawServer();
  const peer = await rawPeer(port);
  await peer.next();
  const answer = ask(node, 'x', [make(PUBLIC_IDENTITY, 'sip:x@test')]);
  const request = await peer.next();
  assert.ok(request?.request);
  peer.send(encodeMessage(answerTo(request, [make(RESULT_CODE, 2001)])));
  await assert.rejects(answer, { code: 'peer-refused' });
});
