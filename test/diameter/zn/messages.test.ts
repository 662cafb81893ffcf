import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Avp,
  answerTo,
  applicationAvp,
  biaAvps,
  birAvps,
  checkMessage,
  DESTINATION_REALM,
  DiameterRefusal,
  decodeMessage,
  encodeMessage,
  GAA_SERVICE_IDENTIFIER,
  GBA_U_AWARENESS_INDICATOR,
  GBA_USER_SEC_SETTINGS,
  KEY_EXPIRY_TIME,
  type Message,
  make,
  NAF_ID,
  originOf,
  readBia,
  readBir,
  refusalTo,
  SESSION_ID,
  TRANSACTION_IDENTIFIER,
  ZN_APPLICATION,
} from '../../../src/diameter/index.ts';
import { USS } from '../lab.ts';
import { changed, vector, without } from '../support.ts';

const bsf = { host: 'bsf.test', realm: 'test' };
const bir = (change: (avps: readonly Avp[]) => readonly Avp[] = (avps) => avps) =>
  decodeMessage(changed('bir', change));
const QUERY = {
  btid: 'AAECAwQFBgcICQoLDA0ODw==@bsf.test',
  nafFqdn: 'naf.test',
  uaId: Buffer.from('0100000002', 'hex'),
  gsIds: [1],
  gbaUAware: true,
};
const CONTENT = {
  meKey: Buffer.alloc(32, 1),
  uiccKey: Buffer.alloc(32, 2),
  keyExpiry: Date.UTC(2027, 0, 2),
  createdAt: Date.UTC(2027, 0, 1),
  impi: 'user@ims.test',
  uss: USS,
};
const answered = (avps: readonly Avp[]): Message => {
  const answer = decodeMessage(encodeMessage(answerTo(bir(), [...avps, ...originOf(bsf)])));
  checkMessage(answer);
  return answer;
};

test('a NAF-Id without a name, a GSID that is no number and too many of them are 5004', () => {
  const replaced = (code: number, avp: Avp) => bir((avps) => [...without(code)(avps), avp]);
  for (const octets of [Buffer.alloc(0), Buffer.alloc(5)]) {
    assert.throws(() => readBir(replaced(402, make(NAF_ID, octets))), { resultCode: 5004 });
  }
  for (const text of ['', 'x', '-1', '1 ', '0x1', '4294967296', '12345678901']) {
    const gsid = make(GAA_SERVICE_IDENTIFIER, Buffer.from(text));
    assert.throws(() => readBir(replaced(403, gsid)), { resultCode: 5004 }, text);
  }
  const many = Array.from({ length: 65 }, (_, i) => make(GAA_SERVICE_IDENTIFIER, Buffer.from(String(i))));
  assert.throws(() => readBir(bir((avps) => [...without(403)(avps), ...many])), { resultCode: 5004 });
});

test('a BIR is the fixed octets', () => {
  const request: Message = {
    ...decodeMessage(vector('bir')),
    avps: [
      make(SESSION_ID, 'naf.test;1;2'),
      applicationAvp(ZN_APPLICATION),
      ...originOf({ host: 'naf.test', realm: 'test' }),
      make(DESTINATION_REALM, 'bsf.test'),
      ...birAvps(QUERY),
    ],
  };
  assert.equal(encodeMessage(request).toString('hex'), vector('bir').toString('hex'));
  assert.deepEqual(readBir(bir()), QUERY);
});

test('absent indicators mean no, octets that are no text stay what they are', () => {
  const odd = Buffer.from([0xff, 0x40, 0x62]);
  const read = readBir(
    bir((avps) => [...without(401)(without(403)(without(407)(avps))), make(TRANSACTION_IDENTIFIER, odd)]),
  );
  assert.deepEqual(read, { ...QUERY, btid: 'ÿ@b', gsIds: [], gbaUAware: false });
  assert.equal(readBir(bir((avps) => [...without(407)(avps), make(GBA_U_AWARENESS_INDICATOR, 0)])).gbaUAware, false);
});

test('what is put in a BIA comes out', () => {
  assert.deepEqual(readBia(answered(biaAvps(CONTENT))), CONTENT);
  const least = { meKey: CONTENT.meKey, keyExpiry: CONTENT.keyExpiry };
  const none = { uiccKey: undefined, createdAt: undefined, impi: undefined, uss: undefined };
  assert.deepEqual(readBia(answered(biaAvps(least))), { ...least, ...none });
});

test('a BIA without a key, without its end, or with settings that cannot be read is refused', () => {
  const all = biaAvps(CONTENT);
  const bad = [
    without(405)(all),
    without(404)(all),
    without(268)(all),
    [...without(400)(all), make(GBA_USER_SEC_SETTINGS, Buffer.from('<guss/>'))],
  ];
  for (const avps of bad) assert.throws(() => readBia(answered(avps)), { code: 'peer-refused' });
  const short: Avp = { code: 405, vendorId: 10_415, mandatory: true, data: Buffer.alloc(16) };
  assert.throws(() => answered([...without(405)(all), short]), { resultCode: 5014 });
  assert.throws(() => make(KEY_EXPIRY_TIME, Number.NaN), { code: 'avp-value-invalid' });
});

test('result codes: the carrier counts', () => {
  const code = (resultCode: number, vendorId?: number) => {
    const refusal = new DiameterRefusal(resultCode, 'no', vendorId === undefined ? {} : { vendorId });
    try {
      readBia(decodeMessage(encodeMessage(refusalTo(bir(), refusal, bsf))));
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'taken';
  };
  assert.equal(code(5403, 10_415), 'btid-unknown');
  assert.equal(code(5402, 10_415), 'naf-not-allowed');
  assert.equal(code(5003), 'naf-not-allowed');
  for (const other of [5401, 5404, 2001]) assert.equal(code(other, 10_415), 'peer-refused');
  for (const base of [5403, 5402, 3003, 5005]) assert.equal(code(base), 'peer-refused');
  for (const later of [3002, 3004, 4001, 5012]) assert.equal(code(later), 'peer-unreachable');
  assert.throws(() => readBia(decodeMessage(vector('bia'))), { code: 'btid-unknown' });
});
