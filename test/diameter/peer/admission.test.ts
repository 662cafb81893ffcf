import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Avp,
  DESTINATION_HOST,
  DESTINATION_REALM,
  decodeMessage,
  encodeMessage,
  make,
  ORIGIN_HOST,
  RESULT_CODE,
  ROUTE_RECORD,
  SESSION_ID,
  ZN_APPLICATION,
} from '../../../src/diameter/index.ts';
import { admit } from '../../../src/diameter/peer/admission.ts';
import { capabilitiesOf, commonApplications, winsElection } from '../../../src/diameter/peer/capabilities.ts';
import { createDuplicates } from '../../../src/diameter/peer/duplicates.ts';
import { judgeCer } from '../../../src/diameter/peer/greeting.ts';
import { changed, plus, vector, without } from '../support.ts';
import { localOf } from './support.ts';

const local = { host: 'hss.test', realm: 'home.test' };
const direct = { host: 'bsf.test', agent: false };
const relay = { host: 'relay.test', agent: true };
const mar = (...more: Avp[]) => decodeMessage(changed('mar', plus(...more)));

test('requests for others, in circles, or brought by somebody who may not, are refused', () => {
  const refused = (request: ReturnType<typeof mar>, code: number, peer = direct) =>
    assert.throws(() => admit(request, local, peer), { resultCode: code });
  refused(mar(make(DESTINATION_HOST, 'other.test')), 3002);
  const realm = decodeMessage(changed('mar', (avps) => [...without(283)(avps), make(DESTINATION_REALM, 'far.test')]));
  refused(realm, 3003);
  refused(mar(make(ROUTE_RECORD, 'bsf.test'), make(ROUTE_RECORD, 'HSS.test')), 3005, relay);
  refused(mar(), 5003, { host: 'other.test', agent: false });
});

test('a request for us is taken: by host whatever the realm, by realm, by neither; through an agent with its records', () => {
  const far = [make(DESTINATION_REALM, 'far.test'), make(DESTINATION_HOST, 'HSS.TEST')];
  admit(decodeMessage(changed('mar', (avps) => [...without(283)(avps), ...far])), local, direct);
  admit(mar(), local, direct);
  admit(decodeMessage(changed('mar', without(283))), local, direct);
  admit(mar(make(ROUTE_RECORD, 'bsf.test')), local, relay);
});

const peers = [
  { host: 'bsf.test', transport: 'tcp' as const },
  { host: 'safe.test', transport: 'tls' as const },
];
const plain = { transport: 'tcp' as const, proves: () => true };

function verdict(octets: Buffer, doorway: Parameters<typeof judgeCer>[3] = plain, node = localOf('hss.test')): string {
  const found = judgeCer(octets, node, peers, doorway);
  if ('host' in found) return found.host;
  const code = found.refusal?.avps.find((avp) => avp.code === RESULT_CODE.code)?.data.readUInt32BE();
  if (found.refusal !== undefined) decodeMessage(encodeMessage(found.refusal));
  return `${found.why} ${code ?? 'silence'}`;
}

test('the first message: CER of a known peer over its transport with its name in the certificate, or the end', () => {
  const cer = (host: string) => changed('cer', (avps) => [make(ORIGIN_HOST, host), ...without(264)(avps)]);
  assert.equal(verdict(vector('mar')), 'not-cer silence');
  assert.equal(verdict(vector('maa')), 'not-cer silence');
  assert.equal(verdict(Buffer.from('0100001400000000', 'hex')), 'not-diameter silence');
  assert.equal(verdict(changed('cer', without(266))), 'cer-invalid 5005');
  assert.equal(verdict(cer('stranger.test')), 'unknown-peer 3010');
  assert.equal(verdict(cer('safe.test')), 'unknown-peer 3010');
  assert.equal(verdict(cer('safe.test'), { transport: 'tls', proves: () => false }), 'unknown-peer 3010');
  assert.equal(verdict(cer('safe.test'), { transport: 'tls', proves: (host) => host === 'safe.test' }), 'safe.test');
  assert.equal(verdict(changed('cer', without(260))), 'no-common-application 5010');
  assert.equal(verdict(cer('BSF.test')), 'bsf.test');
});

test('applications: any AVP and vendor will do, a relay has all', () => {
  const node = localOf('bsf.test', [ZN_APPLICATION, 1]);
  assert.deepEqual(commonApplications(node, capabilitiesOf(localOf('x', [ZN_APPLICATION, 5]), '::1')), [
    ZN_APPLICATION,
  ]);
  const id = (code: number, value: number): Avp => ({
    code,
    vendorId: 0,
    mandatory: true,
    data: Buffer.from(value.toString(16).padStart(8, '0'), 'hex'),
  });
  assert.deepEqual(commonApplications(node, [id(258, 0xffffffff)]), [ZN_APPLICATION, 1]);
  assert.deepEqual(commonApplications(node, [id(259, 1)]), [1]);
  assert.deepEqual(commonApplications(node, [id(258, 2)]), []);
});

test('Host-IP-Address in both families', () => {
  const address = (text: string) =>
    capabilitiesOf(localOf('x'), text)
      .find((avp) => avp.code === 257)
      ?.data.toString('hex');
  assert.equal(address('127.0.0.1'), '00017f000001');
  assert.equal(address('::ffff:10.0.0.5'), '00010a000005');
  assert.equal(address('::1'), `0002${'00'.repeat(15)}01`);
  assert.equal(address('2001:db8::5:6'), '000220010db8000000000000000000050006');
});

test('the election compares octets, whatever their case', () => {
  assert.equal(winsElection('b.test', 'A.test'), true);
  assert.equal(winsElection('a.test', 'B.test'), false);
  assert.equal(winsElection('a.test.x', 'a.test'), true);
});

test('a repeated request gets the first answer and no second work; other sessions, origins, times do not', async () => {
  const duplicates = createDuplicates({ keepMs: 1_000, limit: 3 });
  let works = 0;
  const ask = async (request: ReturnType<typeof mar>, now: number) => {
    const work = () => Promise.resolve({ avps: [make(SESSION_ID, `work ${++works}`)], error: false });
    return (await duplicates.once(request, now, work)).avps[0]?.data;
  };
  const request = mar();
  const first = await ask(request, 0);
  assert.equal(await ask({ ...request, retransmitted: true, hopByHop: 9 }, 999), first);
  assert.equal(works, 1);
  const other = (change: (avps: readonly Avp[]) => readonly Avp[]) => decodeMessage(changed('mar', change));
  await ask(
    other((avps) => [make(SESSION_ID, 'other'), ...without(263)(avps)]),
    0,
  );
  await ask(
    other((avps) => [...without(264)(avps), make(ORIGIN_HOST, 'x.test')]),
    0,
  );
  assert.equal(works, 3);
  assert.equal(first?.toString(), 'work 1');
  await ask({ ...request, endToEnd: 1 }, 1);
  await Promise.resolve();
  assert.equal(duplicates.size, 3, 'the oldest makes room');
  assert.ok(
    first?.every((octet) => octet === 0),
    'what is forgotten is wiped',
  );
  await ask(request, 2_000);
  assert.equal(works, 5);
  assert.equal(duplicates.size, 1);
  duplicates.clear();
  assert.equal(duplicates.size, 0);
});

test('concurrent repeats wait for the one work; its refusal is the answer to all', async () => {
  const duplicates = createDuplicates({ keepMs: 1_000, limit: 3 });
  let works = 0;
  const work = () => {
    works++;
    return Promise.reject(new Error('refused'));
  };
  const answers = await Promise.allSettled([0, 1, 2].map((now) => duplicates.once(mar(), now, work)));
  assert.ok(answers.every(({ status }) => status === 'rejected'));
  assert.equal(works, 1);
});
