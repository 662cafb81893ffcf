import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import { type Answer, createClient, createRouter, type HttpClient, listen } from '../../src/http/index.ts';
import { startPva } from '../../src/pva/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { makeQuote, type Quote, readValidation } from '../../src/token/index.ts';
import { readCertificate, type Signer, toPem } from '../../src/x509/index.ts';
import { makeAuthority, makeSigner } from '../support/certificates.ts';
import { makeTestPki } from '../support/pki.ts';

const M2ME = 'm2me-0001';
const OTHER = 'm2me-0002';
const FIRMWARE = Buffer.alloc(32, 0xf1);
const NONCE = Buffer.alloc(32, 0x11);
const free = { address: '127.0.0.1', port: 0 };

type Lab = Awaited<ReturnType<typeof startLab>>;
let lab: Lab;
before(async () => {
  lab = await startLab();
});
after(() => lab.close());

/** A real PVA; the SHO is a server that writes down what it gets and can be told to fail. */
async function startLab() {
  const pki = makeTestPki(['pva.test', 'sho-b.test', 'sho-c.test', 'stranger.test']);
  const manufacturer = await makeAuthority('Maker');
  const stranger = await makeAuthority('Maker');
  const device = await makeSigner(M2ME, manufacturer);
  const devices = {
    device,
    tre: await makeSigner(M2ME, manufacturer, 'encrypt'),
    foreignTre: await makeSigner(M2ME, stranger, 'encrypt'),
    forged: await makeSigner(M2ME, stranger),
    other: await makeSigner(OTHER, manufacturer),
    otherTre: await makeSigner(OTHER, manufacturer, 'encrypt'),
  };
  const makerFile = join(pki.dir, 'maker.pem');
  writeFileSync(makerFile, toPem(manufacturer.certificate, 'CERTIFICATE'));
  const keyFile = join(pki.dir, 'sealing-key');
  writeFileSync(keyFile, systemRandom.bytes(32).toString('hex'));

  const received: { orderId: string; result: string }[] = [];
  const shoState = { failures: 0 };
  const results = createRouter(
    [
      {
        method: 'POST',
        path: '/pva/v1/results',
        handle(c) {
          if (shoState.failures > 0) {
            shoState.failures--;
            return { status: 503 };
          }
          received.push(c.json({ parse: (value) => value as { orderId: string; result: string } }));
          return { status: 204 };
        },
      },
    ],
    silentLog,
  );
  const sho = await listen(results, { ...free, tls: pki.pem('sho-b.test'), clientCertificate: 'required' });
  const peer = (port: number, serverName: string) => ({ url: `https://127.0.0.1:${port}`, serverName });
  const store = createMemoryStore(systemClock);
  const pva = await startPva(
    {
      id: 'pva.test',
      m2me: free,
      sbi: free,
      tls: pki.files('pva.test'),
      signing: pki.files('pva.test'),
      manufacturers: [makerFile],
      crls: [],
      manifests: { default: { firmware: FIRMWARE.toString('hex') } },
      shos: ['sho-b.test', 'sho-c.test'].map((id) => ({ id, peer: peer(sho.port, 'sho-b.test') })),
      resultSeconds: 300,
      challengeSeconds: 3600,
      store: { driver: 'memory' },
      keyFile,
    },
    { clock: systemClock, random: systemRandom, log: silentLog, store },
  );
  const clients: HttpClient[] = [];
  const connect = (port: number, name?: string): HttpClient => {
    const tls = name === undefined ? { ca: pki.pem('pva.test').ca } : pki.pem(name);
    const client = createClient({ ...peer(port, 'pva.test'), tls });
    clients.push(client);
    return client;
  };
  const machine = connect(pva.ports.m2me);
  return {
    ...devices,
    received,
    shoState,
    machine,
    sho: connect(pva.ports.sbi, 'sho-b.test'),
    otherSho: connect(pva.ports.sbi, 'sho-c.test'),
    stranger: connect(pva.ports.sbi, 'stranger.test'),
    pvaKey: readCertificate(pki.pem('pva.test').cert).spkiSha256,
    /** Nothing waits to be sent. */
    idle: async () => (await store.list('outbox')).length === 0,
    /** Everything the PVA holds, for "before equals after". */
    state: async () =>
      JSON.stringify(await Promise.all(['validation', 'open-validation', 'outbox'].map((space) => store.list(space)))),
    async close() {
      for (const client of clients) client.close();
      await pva.close();
      await sho.close();
    },
  };
}

async function refuses(code: string, request: () => Promise<Answer>): Promise<void> {
  const held = await lab.state();
  const answer = await request();
  assert.ok(answer.status >= 400, `status ${answer.status}`);
  assert.equal(answer.cause(), code);
  assert.equal(await lab.state(), held);
}

const ask = (orderId: string, m2meId = M2ME, nonce: Buffer = NONCE) =>
  lab.sho.send('POST', '/sho/v1/validations', { json: { orderId, m2meId, nonce: nonce.toString('hex') } });

async function quote(change: Partial<Quote> = {}, signer: Signer = lab.device): Promise<Answer> {
  const fields: Quote = {
    m2meId: M2ME,
    nonce: NONCE,
    orderId: 'order-1',
    measurements: [{ name: 'firmware', sha256: FIRMWARE }],
    treCertificate: lab.tre.certificate,
    ...change,
  };
  return await lab.machine.send('POST', '/m2me/v1/quotes', { bytes: await makeQuote(fields, signer) });
}

/** Waits until `holds`, for what goes through the outbox. */
async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('it never came true');
}

const resultOf = async (orderId: string) => {
  await eventually(() => lab.received.some((one) => one.orderId === orderId));
  const found = lab.received.find((one) => one.orderId === orderId);
  return await readValidation(Buffer.from(found?.result ?? '', 'base64'));
};

test('a quote that nobody asked for is refused', () => refuses('quote-not-asked', () => quote()));

test('an SHO that is not served may not ask', () =>
  refuses('forbidden', () =>
    lab.stranger.send('POST', '/sho/v1/validations', {
      json: { orderId: 'order-1', m2meId: M2ME, nonce: NONCE.toString('hex') },
    }),
  ));

test('a question with a member too many is refused', () =>
  refuses('json-invalid', () =>
    lab.sho.send('POST', '/sho/v1/validations', {
      json: { orderId: 'order-1', m2meId: M2ME, nonce: NONCE.toString('hex'), oldSho: 'sho-a.test' },
    }),
  ));

test('a nonce that is not 32 octets is refused', () =>
  refuses('json-invalid', () => ask('order-1', M2ME, Buffer.alloc(16))));

test('step 3: the machine finds the challenge, and the same question again changes nothing', async () => {
  assert.equal((await ask('order-1')).status, 202);
  const held = await lab.state();
  assert.equal((await ask('order-1')).status, 202);
  assert.equal(await lab.state(), held);
  const challenge = await lab.machine.send('GET', `/m2me/v1/challenges?m2me=${M2ME}&sho=sho-b.test`);
  assert.deepEqual(JSON.parse(challenge.body.toString()), { orderId: 'order-1', nonce: NONCE.toString('hex') });
  assert.equal((await lab.machine.send('GET', `/m2me/v1/challenges?m2me=${OTHER}&sho=sho-b.test`)).status, 204);
});

test("another SHO's question for the same machine does not push this one aside", async () => {
  const json = { orderId: 'order-c', m2meId: M2ME, nonce: '77'.repeat(32) };
  assert.equal((await lab.otherSho.send('POST', '/sho/v1/validations', { json })).status, 202);
  const ours = await lab.machine.send('GET', `/m2me/v1/challenges?m2me=${M2ME}&sho=sho-b.test`);
  assert.equal(JSON.parse(ours.body.toString()).orderId, 'order-1');
  const theirs = await lab.machine.send('GET', `/m2me/v1/challenges?m2me=${M2ME}&sho=sho-c.test`);
  assert.equal(JSON.parse(theirs.body.toString()).orderId, 'order-c');
  await refuses('quote-not-fresh', () => quote({ orderId: 'order-c' }));
});

test('the same order with another nonce is refused', () =>
  refuses('repeat-differs', () => ask('order-1', M2ME, Buffer.alloc(32, 0x99))));

test('octets that are no signed quote are refused', () =>
  refuses('quote-invalid', () => lab.machine.send('POST', '/m2me/v1/quotes', { bytes: Buffer.from('no quote') })));

test('a quote by a device that another manufacturer certified is refused', () =>
  refuses('quote-signer-unknown', () => quote({}, lab.forged)));

test('a quote of a good machine for another one is refused', () =>
  refuses('quote-signer-unknown', () => quote({}, lab.other)));

test('a quote signed with the TRE key of another machine is refused', () =>
  refuses('quote-signer-unknown', () => quote({}, lab.otherTre)));

test('a quote over an old nonce is refused', () =>
  refuses('quote-not-fresh', () => quote({ nonce: Buffer.alloc(32, 0x22) })));

test('a quote for another order is refused', () => refuses('quote-not-asked', () => quote({ orderId: 'order-2' })));

test('steps 4 and 5: a good machine gets a positive, signed, short-lived result for order and nonce', async () => {
  const asked = systemClock.now();
  const answer = await quote();
  assert.deepEqual(JSON.parse(answer.body.toString()), { positive: true, reason: '' });
  const result = await resultOf('order-1');
  assert.equal(result.signer.spkiSha256, lab.pvaKey);
  assert.equal(result.positive, true);
  assert.equal(result.m2meId, M2ME);
  assert.ok(result.nonce.equals(NONCE));
  assert.ok(result.treCertificate.equals(lab.tre.certificate));
  assert.ok(result.notAfter > asked && result.notAfter <= systemClock.now() + 300_000);
});

test('the same quote again gets the first verdict, and no second result', async () => {
  await eventually(lab.idle);
  const sent = lab.received.length;
  const held = await lab.state();
  assert.deepEqual(JSON.parse((await quote()).body.toString()), { positive: true, reason: '' });
  assert.equal(await lab.state(), held);
  assert.equal(lab.received.length, sent);
});

test('an answered challenge is not shown again', async () => {
  assert.equal((await lab.machine.send('GET', `/m2me/v1/challenges?m2me=${M2ME}&sho=sho-b.test`)).status, 204);
});

test('a judged order stays judged: another measurement afterwards does not turn the verdict', async () => {
  const held = await lab.state();
  const answer = await quote({ measurements: [{ name: 'firmware', sha256: Buffer.alloc(32) }] });
  assert.deepEqual(JSON.parse(answer.body.toString()), { positive: true, reason: '' });
  assert.equal(await lab.state(), held);
});

for (const { rule, reason, change } of [
  {
    rule: 'another firmware than the manifest says',
    reason: 'measurement-mismatch',
    change: () => ({ measurements: [{ name: 'firmware', sha256: Buffer.alloc(32, 1) }] }),
  },
  {
    rule: 'a component that the manifest does not know',
    reason: 'measurement-mismatch',
    change: () => ({
      measurements: [
        { name: 'firmware', sha256: FIRMWARE },
        { name: 'implant', sha256: Buffer.alloc(32, 1) },
      ],
    }),
  },
  {
    rule: 'a TRE certificate that no manufacturer issued',
    reason: 'tre-certificate-untrusted',
    change: () => ({ treCertificate: lab.foreignTre.certificate }),
  },
  {
    rule: 'the TRE certificate of another machine',
    reason: 'tre-certificate-untrusted',
    change: () => ({ treCertificate: lab.otherTre.certificate }),
  },
]) {
  test(`${rule} gives a negative result, signed too`, async () => {
    const orderId = `order ${rule}`.slice(0, 64).replaceAll(' ', '-');
    const nonce = systemRandom.bytes(32);
    assert.equal((await ask(orderId, M2ME, nonce)).status, 202);
    const answer = await quote({ orderId, nonce, ...change() });
    assert.deepEqual(JSON.parse(answer.body.toString()), { positive: false, reason });
    const result = await resultOf(orderId);
    assert.equal(result.positive, false);
    assert.equal(result.reason, reason);
    assert.equal(result.signer.spkiSha256, lab.pvaKey);
  });
}

test('a result that the SHO could not take is sent again until it is answered', async () => {
  lab.shoState.failures = 1;
  const nonce = systemRandom.bytes(32);
  assert.equal((await ask('order-again', M2ME, nonce)).status, 202);
  assert.equal((await quote({ orderId: 'order-again', nonce })).status, 200);
  const result = await resultOf('order-again');
  assert.equal(result.positive, true);
  assert.equal(lab.shoState.failures, 0);
});
