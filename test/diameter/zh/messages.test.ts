import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AUTH_SESSION_STATE,
  type Avp,
  answerTo,
  applicationAvp,
  checkMessage,
  DESTINATION_REALM,
  DiameterRefusal,
  decodeMessage,
  encodeMessage,
  GBA_USER_SEC_SETTINGS,
  GUSS_TIMESTAMP,
  type Message,
  maaAvps,
  make,
  marAvps,
  originOf,
  readMaa,
  readMar,
  refusalTo,
  SESSION_ID,
  SIP_AUTH_DATA_ITEM,
  SIP_AUTHENTICATE,
  SIP_AUTHENTICATION_SCHEME,
  SIP_AUTHORIZATION,
  USER_NAME,
  ZH_APPLICATION,
} from '../../../src/diameter/index.ts';
import { changed, plus, vector, without } from '../support.ts';

const hss = { host: 'hss.test', realm: 'test' };
const octets = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i));
const VECTOR = {
  rand: octets(32).subarray(0, 16),
  autn: octets(32).subarray(16),
  xres: octets(8),
  ck: Buffer.alloc(16, 0x0c),
  ik: Buffer.alloc(16, 0x0a),
};
const mar = (change: (avps: readonly Avp[]) => readonly Avp[]) => decodeMessage(changed('mar', change));
const item = (...members: Avp[]) => make(SIP_AUTH_DATA_ITEM, members);

test('a MAR without identity is 5005 with User-Name, a bad resynchronisation 5004, a scheme 5006 of 3GPP', () => {
  assert.throws(
    () => readMar(mar(without(1))),
    (error) => error instanceof DiameterRefusal && error.resultCode === 5005 && error.failedAvp?.readUInt32BE() === 1,
  );
  for (const length of [0, 29, 31]) {
    const bad = item(make(SIP_AUTHORIZATION, Buffer.alloc(length)));
    assert.throws(() => readMar(mar((avps) => [...without(612)(avps), bad])), { resultCode: 5004 });
  }
  for (const scheme of ['SIP Digest', 'Unknown', 'digest-akav1-md5', '']) {
    const bad = item(make(SIP_AUTHENTICATION_SCHEME, scheme));
    assert.throws(() => readMar(mar((avps) => [...without(612)(avps), bad])), { resultCode: 5006, vendorId: 10_415 });
  }
});

test('MAR and MAA are the fixed octets', () => {
  const head = [make(SESSION_ID, 'bsf.test;1;2'), applicationAvp(ZH_APPLICATION)];
  const query = { impi: 'user@ims.test', resync: { rand: octets(30).subarray(0, 16), auts: octets(30).subarray(16) } };
  const [state, user, data] = marAvps(query);
  assert.ok(state && user && data);
  const request: Message = {
    ...decodeMessage(vector('mar')),
    avps: [
      ...head,
      state,
      ...originOf({ host: 'bsf.test', realm: 'test' }),
      make(DESTINATION_REALM, 'home.test'),
      user,
      data,
      make(GUSS_TIMESTAMP, Date.UTC(2000, 0, 1)),
    ],
  };
  assert.equal(encodeMessage(request).toString('hex'), vector('mar').toString('hex'));
  const read = readMar(decodeMessage(vector('mar')));
  assert.deepEqual(read, { ...query, impu: undefined, gussTimestamp: Date.UTC(2000, 0, 1) });
});

test('the vector of a MAA, as ours and as another vendor writes it', () => {
  const ours = answerTo(
    mar((avps) => avps),
    [...maaAvps('user@ims.test', VECTOR, undefined), ...originOf(hss)],
  );
  checkMessage(ours);
  assert.deepEqual(readMaa(decodeMessage(encodeMessage(ours)), false), {
    ...VECTOR,
    impi: 'user@ims.test',
    settings: undefined,
  });
  assert.deepEqual(readMaa(decodeMessage(vector('maa')), false), {
    ...VECTOR,
    impi: 'user@ims.test',
    settings: undefined,
  });
});

test('a MAA without a usable vector, or with a GUSS that cannot be read, is the fault of the HSS', () => {
  const maa = (change: (avps: readonly Avp[]) => readonly Avp[]) => decodeMessage(changed('maa', change));
  const members = SIP_AUTH_DATA_ITEM.type.decode(
    decodeMessage(vector('maa')).avps.find(({ code }) => code === 612)?.data ?? Buffer.alloc(0),
  );
  const withItem = (change: (avps: readonly Avp[]) => readonly Avp[]) =>
    maa((avps) => [...without(612)(avps), item(...change(members))]);
  const bad = [
    maa(without(612)),
    maa(without(268)),
    maa(plus(make(GBA_USER_SEC_SETTINGS, Buffer.from('<guss>')))),
    ...[609, 610, 625, 626].map((code) => withItem(without(code))),
    withItem((avps) => [...without(609)(avps), make(SIP_AUTHENTICATE, Buffer.alloc(16))]),
    withItem((avps) => [...without(610)(avps), make(SIP_AUTHORIZATION, Buffer.alloc(3))]),
    withItem((avps) => [...without(610)(avps), make(SIP_AUTHORIZATION, Buffer.alloc(17))]),
    withItem((avps) => [...without(608)(avps), make(SIP_AUTHENTICATION_SCHEME, 'SIP Digest')]),
  ];
  for (const answer of bad) assert.throws(() => readMaa(answer, false), { code: 'peer-refused' });
});

test('result codes: the carrier counts, and only a resynchronisation can be refused as one', () => {
  const answered = (code: number, vendorId?: number, resync = false) => {
    const options = vendorId === undefined ? {} : { vendorId };
    const refusal = new DiameterRefusal(code, 'no', options);
    const answer = decodeMessage(
      encodeMessage(
        refusalTo(
          mar((avps) => avps),
          refusal,
          hss,
        ),
      ),
    );
    checkMessage(answer);
    try {
      readMaa(answer, resync);
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'taken';
  };
  assert.equal(answered(5401, 10_415), 'user-unknown');
  assert.equal(answered(5001, 10_415), 'user-unknown');
  assert.equal(answered(5402, 10_415), 'user-not-allowed');
  assert.equal(answered(5006, 10_415), 'peer-refused');
  assert.equal(answered(5401, 9), 'peer-refused');
  assert.equal(answered(5401), 'peer-refused');
  assert.equal(answered(5001), 'peer-refused');
  assert.equal(answered(5012, undefined, true), 'auts-refused');
  assert.equal(answered(5012), 'peer-unreachable');
  for (const code of [3002, 3004, 4002]) assert.equal(answered(code), 'peer-unreachable');
  for (const code of [3001, 3003, 3006, 3007, 5003, 5005]) assert.equal(answered(code), 'peer-refused');
  const both = decodeMessage(
    changed('bia', plus(decodeMessage(vector('maa')).avps.find(({ code }) => code === 268) as Avp)),
  );
  assert.throws(() => readMaa(both, false), { code: 'peer-refused' });
});

test('what a MAR says on its own', () => {
  const avps = marAvps({ impi: 'a@b' });
  assert.deepEqual(
    avps.map(({ code }) => code),
    [AUTH_SESSION_STATE.code, USER_NAME.code, SIP_AUTH_DATA_ITEM.code],
  );
  const read = readMar({ ...decodeMessage(vector('mar')), avps });
  assert.deepEqual(read, { impi: 'a@b', impu: undefined, resync: undefined, gussTimestamp: undefined });
});
