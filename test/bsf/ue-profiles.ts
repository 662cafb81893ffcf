/**
 * How UEs speak Ub: the octets that they send, how they go on, and how it must end. Data only; `ue-profiles.test.ts` plays it
 * against a BSF over HTTP and HTTPS. In the octets: {impi} {tmpi} {host} {port} of the run, {nonce} {opaque} {cnonce}
 * {response} {auts} of the answer. `source` says where a form was seen, or that it is a precaution.
 */
export interface UeProfile {
  name: string;
  source: string;
  /** What subscription data says, and what the card does. Default GBA_ME. */
  card?: 'GBA_ME' | 'GBA_U';
  /** The card is ahead of the HSS: it asks for resynchronisation first. */
  ahead?: true;
  /** `known`: it has a TMPI of an earlier run; `forgotten`: one that the BSF does not know any more. */
  tmpi?: 'known' | 'forgotten';
  /** Message 1, header lines in order, without the empty line at the end. */
  first: readonly string[];
  /** Message 3; the Digest uri is taken from it. */
  answer: readonly string[];
  rules: {
    /** How often it goes on after an answer of its own was not taken. */
    retries: number;
    /** Statuses after which it never tries again. */
    final: readonly number[];
    /** Its first so many answers are wrong (RES of another card). */
    wrong?: number;
    /** Each message on a connection of its own. */
    reconnects?: true;
    /** It loses the first 200 and sends message 3 once more. */
    losesSuccess?: true;
  };
  expect: {
    /** Every status, in order. */
    statuses: readonly number[];
    /** A TMPI is there afterwards. */
    tmpi?: true;
    /** Code of the problem details that end the run. */
    problem?: string;
  };
}

const FINAL = [400, 403, 404, 405];
const TMPI_AGENT = 'User-Agent: Bootstrapping Client Agent; Release-6; 3gpp-gba-tmpi';
const PHONE_AGENT = 'User-Agent: GBA-service; 0.1; 3gpp-gba-uicc';
const FIRST = 'Authorization: Digest username="{impi}", realm="{host}", nonce="", uri="/", response=""';
const ANSWER =
  'Authorization: Digest username="{impi}", realm="{host}", nonce="{nonce}", uri="/", qop=auth-int, nc=00000001, ' +
  'cnonce="{cnonce}", response="{response}", opaque="{opaque}", algorithm=AKAv1-MD5';
const RESYNC_ANSWER = `${ANSWER}{auts}`;
const GET = 'GET / HTTP/1.1';
const HOST = 'Host: {host}';
/** As most of them speak. */
const usual = (agent: string, more: readonly string[] = []) => ({
  first: [GET, HOST, agent, ...more, FIRST],
  answer: [GET, HOST, agent, ...more, RESYNC_ANSWER],
});
const BOOTSTRAPS = { retries: 2, final: FINAL };

export const UE_PROFILES: readonly UeProfile[] = [
  {
    name: 'the example of the standard',
    source: 'TS 24.109 A.3',
    first: [GET, 'Host: {host}:80', TMPI_AGENT, 'Date: Thu, 08 Jan 2004 10:50:35 GMT', 'Accept: */*', FIRST],
    answer: [GET, 'Host: {host}:80', TMPI_AGENT, 'Date: Thu, 08 Jan 2004 10:50:35 GMT', 'Accept: */*', ANSWER],
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'the example of resynchronisation, without a TMPI token',
    source: 'TS 24.109 A.4',
    ahead: true,
    ...usual('User-Agent: Bootstrapping Client Agent; Release-6'),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 401, 200] },
  },
  {
    name: 'a phone behind a proxy: absolute request target and uri, its own idea of realm and opaque, a Ua token',
    source: 'captured phone request',
    first: [
      'GET http://10.7.3.130:9443/ HTTP/1.1',
      'Host: 10.7.3.130:9443',
      PHONE_AGENT,
      'Authorization: Digest username="{impi}",realm="ims.mnc001.mcc001.pub.3gppnetwork.org",nonce="",' +
        'uri="http://10.7.3.130:9443/",response="",opaque="dynamic_opaque"',
    ],
    answer: [
      'GET http://10.7.3.130:9443/ HTTP/1.1',
      'Host: 10.7.3.130:9443',
      PHONE_AGENT,
      'Authorization: Digest username="{impi}",realm="{host}",nonce="{nonce}",uri="http://10.7.3.130:9443/",qop=auth-int,' +
        'nc=00000001,cnonce="{cnonce}",response="{response}",opaque="{opaque}",algorithm=AKAv1-MD5',
    ],
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200] },
  },
  {
    name: 'the least that a client sends: no product token, no Date, no Accept',
    source: 'BSF product manual; open RCS client',
    ...usual('X-Nothing: 1'),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200] },
  },
  {
    name: 'auts without a blank, another order, blanks round the equals sign',
    source: 'open RCS client; test data of an open phone platform',
    ahead: true,
    first: [GET, HOST, 'authorization:Digest uri="/",nonce = "",realm="x",response="" ,username="{impi}"'],
    answer: [
      GET,
      HOST,
      'authorization:Digest cnonce ="{cnonce}",nc=00000001,qop=auth-int,algorithm=AKAv1-MD5,uri="/",opaque="{opaque}",' +
        'nonce="{nonce}",realm="{host}",response="{response}",username="{impi}"{auts}',
    ],
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 401, 200] },
  },
  {
    name: 'qop, nc and algorithm in quotes, also in the first request',
    source: 'precaution: general Digest stacks',
    first: [GET, HOST, TMPI_AGENT, `${FIRST}, algorithm="AKAv1-MD5", qop="auth-int"`],
    answer: [
      GET,
      HOST,
      TMPI_AGENT,
      'Authorization: Digest username="{impi}", realm="{host}", nonce="{nonce}", uri="/", qop="auth-int", nc="00000001", ' +
        'cnonce="{cnonce}", response="{response}", opaque="{opaque}", algorithm="AKAv1-MD5"',
    ],
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'opaque not returned',
    source: 'precaution: clients without a cookie of the challenge',
    first: [GET, HOST, TMPI_AGENT, FIRST],
    answer: [GET, HOST, TMPI_AGENT, ANSWER.replace(' opaque="{opaque}",', '')],
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'a GBA_U card: AUTN*, RES with its last bit flipped',
    source: 'TS 33.220 5.3.2',
    card: 'GBA_U',
    ...usual(`${TMPI_AGENT} 3gpp-gba-uicc`),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'a GBA_U card that is ahead',
    source: 'TS 33.220 5.3.2, TS 24.109 A.4',
    card: 'GBA_U',
    ahead: true,
    ...usual(TMPI_AGENT),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 401, 200], tmpi: true },
  },
  {
    name: 'a GBA_U card in a phone whose tokens say GBA_ME',
    source: 'TS 33.220 clause 5: subscription data decides',
    card: 'GBA_U',
    ...usual('User-Agent: Phone/1.0 3gpp-gba'),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200] },
  },
  {
    name: 'a GBA_ME card in a phone that shows every token of Ua',
    source: 'captured phone request; TS 24.109 5.2.1',
    ...usual('User-Agent: Phone/1.0 3gpp-gba 3gpp-gba-uicc 3gpp-gba-digest 3gpp-gba-tmpi'),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'a token that only begins like the one for TMPIs',
    source: 'TS 33.220 4.5.2: the exact token',
    ...usual('User-Agent: Phone/1.0 3gpp-gba-tmpi2 x3gpp-gba-tmpi'),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200] },
  },
  {
    name: 'a TMPI instead of the IMPI',
    source: 'TS 33.220 4.5.2',
    tmpi: 'known',
    ...usual(TMPI_AGENT),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'a TMPI that is not known any more, then the IMPI',
    source: 'TS 33.220 4.5.2',
    tmpi: 'forgotten',
    ...usual(TMPI_AGENT),
    rules: BOOTSTRAPS,
    expect: { statuses: [404, 401, 200], tmpi: true },
  },
  {
    name: 'a phone that tries twice more, and gets through the second time',
    source: 'issue of the field: two retries',
    ...usual(TMPI_AGENT),
    rules: { ...BOOTSTRAPS, wrong: 2 },
    expect: { statuses: [401, 401, 401, 200], tmpi: true },
  },
  {
    name: 'a phone that never gets through: 401 to the end, never a 403 that it would take as final',
    source: 'issue of the field: 403 is final',
    ...usual(TMPI_AGENT),
    rules: { ...BOOTSTRAPS, wrong: 9 },
    expect: { statuses: [401, 401, 401, 401] },
  },
  {
    name: 'a phone that lost the 200: its old answer is not taken again, the new challenge serves',
    source: 'ub.md 12: retransmitted message 3',
    ...usual(TMPI_AGENT),
    rules: { ...BOOTSTRAPS, losesSuccess: true },
    expect: { statuses: [401, 200, 401, 200], tmpi: true },
  },
  {
    name: 'headers of vendors, an intended identity, a language, cookies',
    source: 'precaution: device identities and the like',
    ...usual(TMPI_AGENT, [
      'X-3GPP-Intended-Identity: "sip:user@ims.test"',
      'X-Device-Id: 356938035643809',
      'X-Vendor-Gba: 1;mode=me',
      'Accept-Language: de',
      'Cookie: a=b',
      'Accept-Encoding: gzip, deflate',
      'Connection: Keep-Alive',
    ]),
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'a connection for each message, a Content-Length of nothing',
    source: 'precaution: simple HTTP stacks',
    ...usual(TMPI_AGENT, ['Connection: close', 'Content-Length: 0']),
    rules: { ...BOOTSTRAPS, reconnects: true },
    expect: { statuses: [401, 200], tmpi: true },
  },
  {
    name: 'no Authorization in the first request: without an identity there is no vector',
    source: 'TS 24.109 A.3 wants one',
    first: [GET, HOST, TMPI_AGENT],
    answer: [],
    rules: BOOTSTRAPS,
    expect: { statuses: [400], problem: 'authorization-missing' },
  },
  {
    name: 'the identity in the URI instead',
    source: 'precaution: TS 24.109 knows no such form',
    first: ['GET /?impi={impi} HTTP/1.1', HOST, TMPI_AGENT],
    answer: [],
    rules: BOOTSTRAPS,
    expect: { statuses: [404], problem: 'not-found' },
  },
  {
    name: 'an identity with its @ escaped',
    source: 'precaution: ub.md 12',
    first: [GET, HOST, TMPI_AGENT, FIRST.replace('{impi}', 'user%40ims.test')],
    answer: [],
    rules: BOOTSTRAPS,
    expect: { statuses: [400], problem: 'username-invalid' },
  },
  {
    name: 'a first request without nonce and response',
    source: 'RFC 7616 3.4 wants both',
    first: [GET, HOST, TMPI_AGENT, 'Authorization: Digest username="{impi}", realm="{host}", uri="/"'],
    answer: [],
    rules: BOOTSTRAPS,
    expect: { statuses: [400], problem: 'digest-malformed' },
  },
  {
    name: 'an answer that steps down to qop auth',
    source: 'TS 24.109 4.2: auth-int',
    first: [GET, HOST, TMPI_AGENT, FIRST],
    answer: [GET, HOST, TMPI_AGENT, ANSWER.replace('qop=auth-int', 'qop=auth')],
    rules: BOOTSTRAPS,
    expect: { statuses: [401, 400], problem: 'digest-qop-wrong' },
  },
  {
    name: 'a UE without a card, which wants GBA_Digest: it is told at once',
    source: 'TS 24.109 I.2',
    first: [GET, HOST, 'User-Agent: Client GBA_Digest', FIRST],
    answer: [],
    rules: BOOTSTRAPS,
    expect: { statuses: [403], problem: 'gba-digest-refused' },
  },
  {
    name: 'POST',
    source: 'precaution: XML over HTTP habits',
    first: ['POST / HTTP/1.1', HOST, TMPI_AGENT, 'Content-Length: 0', FIRST],
    answer: [],
    rules: BOOTSTRAPS,
    expect: { statuses: [405], problem: 'method-not-allowed' },
  },
];
