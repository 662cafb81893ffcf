import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { codeOf, silentLog, systemRandom } from '../../src/base/index.ts';
import { isTmpi } from '../../src/gba/index.ts';
import { createClient } from '../../src/http/index.ts';
import { bootstrap } from '../../src/m2me/ub-client.ts';
import { BSF, startTestBsf } from '../bsf/support.ts';
import { makeTestPki } from '../support/pki.ts';
import { type RawAnswer, send } from '../support/ue.ts';
import { allOctets, makeTre, mcimA } from './support.ts';

const pki = makeTestPki([BSF]);
const open = new Set<() => unknown>();
after(async () => void (await Promise.all([...open].map((close) => close()))));

/** What the machine's user sees of the exchange, and a place to change answers on their way. */
type Tamper = (answer: RawAnswer, request: number) => void;

/** A machine whose way to a real BSF leads through a man in the middle. */
async function start(tamper: Tamper = () => undefined) {
  const lab = await startTestBsf({ pki });
  lab.hss.add(mcimA().impi, mcimA());
  const seen: string[] = [];
  const proxy = await listenProxy(lab.ub, tamper, seen);
  open.add(() => lab.bsf.close());
  open.add(() => void proxy.close());
  const { tre, directory, time } = await makeTre({ commissioned: false });
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  await tre.commission(mcimA({ bsf: { fqdn: BSF, url } }));
  const run = () =>
    bootstrap({
      tre,
      connect: (bsf) => createClient({ url: bsf.url }),
      clock: { now: () => time.now },
      random: systemRandom,
      log: silentLog,
    });
  return { lab, tre, directory, time, run, seen };
}

function listenProxy(target: string, tamper: Tamper, seen: string[]): Promise<Server> {
  let count = 0;
  const server = createServer((req, res) => {
    const authorization = req.headers.authorization ?? '';
    seen.push(authorization);
    const userAgent = req.headers['user-agent'] ?? '';
    const number = ++count;
    void send(target, { headers: { host: BSF, authorization, 'user-agent': userAgent } }).then((answer) => {
      tamper(answer, number);
      for (const [name, value] of Object.entries(answer.headers)) {
        if (value !== undefined && name !== 'transfer-encoding' && name !== 'connection') res.setHeader(name, value);
      }
      res.writeHead(answer.status, { 'content-length': answer.body.length });
      res.end(answer.body);
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function swap(answer: RawAnswer, header: string, from: string | RegExp, to: string): void {
  answer.headers[header] = String(answer.headers[header]).replace(from, to);
}

function refused(name: string, tamper: Tamper, code: string): void {
  void test(name, async () => {
    const { tre, run } = await start(tamper);
    await assert.rejects(run(), (error: unknown) => codeOf(error) === code, code);
    assert.deepEqual(await tre.contexts(), []);
  });
}

refused(
  'a wrong rspauth: Ks is dropped, no context is kept',
  (answer) => swap(answer, 'authentication-info', /rspauth="./, `rspauth="${flip(answer)}`),
  'ub-rspauth-invalid',
);
refused('no rspauth at all', (answer) => delete answer.headers['authentication-info'], 'ub-rspauth-invalid');
refused(
  'another lifetime in the body: rspauth covers it',
  (answer) => (answer.body = Buffer.from(answer.body.toString().replace('<lifetime>2027', '<lifetime>2028'))),
  'ub-rspauth-invalid',
);
refused(
  'another B-TID in the body',
  (answer) => (answer.body = Buffer.from(answer.body.toString().replace(/<btid>./, '<btid>_'))),
  'ub-rspauth-invalid',
);
refused('auth instead of auth-int', (a) => swap(a, 'www-authenticate', 'auth-int', 'auth'), 'ub-qop-refused');
refused('no qop', (a) => swap(a, 'www-authenticate', /, qop="[^"]*"/, ''), 'ub-qop-refused');
refused(
  'another algorithm',
  (answer) => swap(answer, 'www-authenticate', 'AKAv1-MD5', 'MD5'),
  'ub-algorithm-unsupported',
);
refused('the realm of another BSF', (a) => swap(a, 'www-authenticate', BSF, 'bsf.evil.test'), 'ub-realm-mismatch');
refused('an AUTN with a wrong MAC', (answer) => tamperNonce(answer, 31), 'ub-mac-failure');
refused('an AUTN of zeros, as for a SIM', (answer) => tamperNonce(answer, 16, 32), 'ub-mac-failure');
refused(
  'a nonce of 31 octets',
  (a) => swap(a, 'www-authenticate', /nonce="[^"]*"/, `nonce="${'A'.repeat(40)}"`),
  'digest-malformed',
);

function flip(answer: RawAnswer): string {
  const first = /rspauth="(.)/.exec(String(answer.headers['authentication-info']))?.[1];
  return first === '0' ? '1' : '0';
}

function tamperNonce(answer: RawAnswer, from: number, to?: number): void {
  const header = String(answer.headers['www-authenticate'] ?? '');
  const nonce = /nonce="([^"]*)"/.exec(header)?.[1];
  if (nonce === undefined) return;
  const octets = Buffer.from(nonce, 'base64');
  if (to === undefined) octets[from] = (octets[from] ?? 0) ^ 1;
  else octets.fill(0, from, to);
  answer.headers['www-authenticate'] = header.replace(nonce, octets.toString('base64'));
}

test('a wrong MAC is answered by silence: neither RES nor AUTS leaves the machine', async () => {
  const { run, seen } = await start((answer) => tamperNonce(answer, 31));
  await assert.rejects(run());
  assert.equal(seen.length, 1);
});

test('a replayed challenge leads to one resynchronisation; a second failure in a row ends the run', async () => {
  let challenge: string | undefined;
  const { lab, tre, run, seen } = await start((answer) => {
    challenge ??= answer.headers['www-authenticate'] as string | undefined;
    if (answer.status === 401) answer.headers['www-authenticate'] = challenge;
  });
  await run();
  seen.length = 0;
  await assert.rejects(run(), (error: unknown) => codeOf(error) === 'ub-sync-failure');
  assert.equal(seen.length, 2);
  assert.match(seen[1] ?? '', /auts="/);
  assert.equal((await tre.contexts()).length, 1);
  assert.ok(lab.hss.state.vectors > 0);
});

test('a card ahead of the HSS resynchronises once and gets its context', async () => {
  const { lab, tre, run } = await start();
  await run();
  lab.hss.add(mcimA().impi, mcimA());
  const { btid } = await run();
  assert.equal((await tre.contexts())[0]?.btid, btid);
});

test('the next run shows the TMPI; a BSF that has forgotten it is told the IMPI, once', async () => {
  const { tre, run, seen, lab } = await start();
  await run();
  const tmpi = await tre.tmpi();
  assert.ok(tmpi !== undefined && isTmpi(tmpi));
  seen.length = 0;
  await run();
  assert.match(seen[0] ?? '', /tmpi\.bsf\.3gppnetwork\.org/);
  assert.notEqual(await tre.tmpi(), tmpi);
  const records = await lab.store.list('bsf-tmpi');
  assert.ok(records.length > 0);
  await lab.store.commit(records.map(({ key }) => ({ space: 'bsf-tmpi', key, delete: true as const })));
  seen.length = 0;
  await run();
  assert.match(seen[1] ?? '', new RegExp(mcimA().impi));
});

test('what the BSF cannot do now is no verdict: the run may be repeated', async () => {
  const { lab, run } = await start();
  lab.hss.state.down = true;
  await assert.rejects(run(), (error: unknown) => codeOf(error) === 'peer-unreachable');
  lab.hss.state.down = false;
  assert.ok((await run()).btid.endsWith(`@${BSF}`));
});

test('the context ends when the BSF says, and its Ks stands in no file in clear', async () => {
  const { tre, directory, run, time } = await start();
  const { expiresAt } = await run();
  assert.ok(expiresAt > time.now && expiresAt <= time.now + 3_600_000);
  time.now = expiresAt;
  assert.deepEqual(await tre.contexts(), []);
  assert.equal(allOctets(directory).includes(Buffer.from('"ks"')), false);
});
