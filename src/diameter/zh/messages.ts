import { GbaError } from '../../base/index.ts';
import { buildGuss, type Guss, parseGuss, type ReadGuss } from '../../gba/index.ts';
import {
  AUTH_SESSION_STATE,
  type Avp,
  badValue,
  CONFIDENTIALITY_KEY,
  DiameterRefusal,
  GBA_USER_SEC_SETTINGS,
  GUSS_TIMESTAMP,
  get,
  INTEGRITY_KEY,
  isSuccess,
  type Message,
  make,
  missing,
  PUBLIC_IDENTITY,
  RESULT,
  RESULT_CODE,
  resultOf,
  SIP_AUTH_DATA_ITEM,
  SIP_AUTHENTICATE,
  SIP_AUTHENTICATION_SCHEME,
  SIP_AUTHORIZATION,
  USER_NAME,
  VENDOR_3GPP,
  ZH_APPLICATION,
} from '../codec/index.ts';
import { refusalIn } from '../exchange.ts';
import { applicationAvp } from '../peer/index.ts';

const SCHEME = 'Digest-AKAv1-MD5';
const NO_STATE_MAINTAINED = 1;
const RAND = 16;
const AUTN = 16;
const AUTS = 14;

export interface ZhQuery {
  impi: string;
  /** RAND of the challenge that the UE refused, and its AUTS (TS 29.229 6.3.11). */
  resync?: { rand: Uint8Array; auts: Uint8Array } | undefined;
  /** When the copy of the GUSS that the BSF holds was last changed, ms since 1970. */
  gussTimestamp?: number | undefined;
}

export interface ZhVector {
  rand: Buffer;
  autn: Buffer;
  xres: Buffer;
  ck: Buffer;
  ik: Buffer;
}

/** The AVPs of a MAR behind the common head (TS 29.109 4.2). */
export function marAvps({ impi, resync, gussTimestamp }: ZhQuery): Avp[] {
  const item = [make(SIP_AUTHENTICATION_SCHEME, SCHEME)];
  if (resync !== undefined) item.push(make(SIP_AUTHORIZATION, Buffer.concat([resync.rand, resync.auts])));
  return [
    make(AUTH_SESSION_STATE, NO_STATE_MAINTAINED),
    make(USER_NAME, impi),
    make(SIP_AUTH_DATA_ITEM, item),
    ...(gussTimestamp === undefined ? [] : [make(GUSS_TIMESTAMP, gussTimestamp)]),
  ];
}

export interface MarRequest {
  impi: string | undefined;
  impu: string | undefined;
  resync: { rand: Buffer; auts: Buffer } | undefined;
  gussTimestamp: number | undefined;
}

/** What a BSF asks. Throws `DiameterRefusal`: 5005 without identity, 5004 for a bad resynchronisation, 5006 of 3GPP for a scheme. */
export function readMar({ avps }: Message): MarRequest {
  const impi = get(avps, USER_NAME);
  const impu = get(avps, PUBLIC_IDENTITY);
  if (impi === undefined && impu === undefined) throw missing(USER_NAME);
  const item = get(avps, SIP_AUTH_DATA_ITEM) ?? [];
  const scheme = get(item, SIP_AUTHENTICATION_SCHEME);
  if (scheme !== undefined && scheme !== SCHEME) {
    throw new DiameterRefusal(ZH_RESULT.SCHEME_NOT_SUPPORTED, 'only Digest-AKAv1-MD5 is served', {
      vendorId: VENDOR_3GPP,
    });
  }
  const authorization = get(item, SIP_AUTHORIZATION);
  if (authorization !== undefined && authorization.length !== RAND + AUTS) {
    throw badValue(SIP_AUTH_DATA_ITEM, [make(SIP_AUTHORIZATION, authorization)]);
  }
  const resync = authorization && { rand: authorization.subarray(0, RAND), auts: authorization.subarray(RAND) };
  return { impi, impu, resync, gussTimestamp: get(avps, GUSS_TIMESTAMP) };
}

/** The AVPs of a MAA that succeeds; the vector's octets are copied, the caller erases its own. */
export function maaAvps(
  impi: string,
  vector: ZhVector,
  settings: { guss: Guss; changedAt?: number } | undefined,
): Avp[] {
  const { rand, autn, xres, ck, ik } = vector;
  return [
    applicationAvp(ZH_APPLICATION),
    make(RESULT_CODE, RESULT.SUCCESS),
    make(AUTH_SESSION_STATE, NO_STATE_MAINTAINED),
    make(USER_NAME, impi),
    make(SIP_AUTH_DATA_ITEM, [
      make(SIP_AUTHENTICATION_SCHEME, SCHEME),
      make(SIP_AUTHENTICATE, Buffer.concat([rand, autn])),
      make(SIP_AUTHORIZATION, xres),
      make(CONFIDENTIALITY_KEY, ck),
      make(INTEGRITY_KEY, ik),
    ]),
    ...(settings === undefined
      ? []
      : [make(GBA_USER_SEC_SETTINGS, buildGuss(impi, settings.guss, settings.changedAt))]),
  ];
}

/** Experimental results of 3GPP that go over Zh (TS 29.109 6.2.2, TS 29.229 6.2.2). */
export const ZH_RESULT = {
  IDENTITY_UNKNOWN: 5401,
  NOT_AUTHORIZED: 5402,
  USER_UNKNOWN: 5001,
  SCHEME_NOT_SUPPORTED: 5006,
};

const MEANINGS: Readonly<Record<string, string>> = {
  [`${VENDOR_3GPP}/${ZH_RESULT.IDENTITY_UNKNOWN}`]: 'user-unknown',
  [`${VENDOR_3GPP}/${ZH_RESULT.USER_UNKNOWN}`]: 'user-unknown',
  [`${VENDOR_3GPP}/${ZH_RESULT.NOT_AUTHORIZED}`]: 'user-not-allowed',
};

export interface MaaAnswer extends ZhVector {
  /** As the HSS has it, when it says so. */
  impi: string | undefined;
  /** Absent: the subscriber has none, or the copy that the request told of is right. */
  settings: ReadGuss | undefined;
}

/**
 * The vector in a MAA; its octets are copies. Throws `user-unknown`, `user-not-allowed`, `auts-refused` (only to a
 * resynchronisation), `peer-unreachable`, `peer-refused`.
 */
export function readMaa(answer: Message, resync: boolean): MaaAnswer {
  if (!isSuccess(resultOf(answer))) {
    const refused: Record<string, string> = resync ? { [`0/${RESULT.UNABLE_TO_COMPLY}`]: 'auts-refused' } : {};
    throw refusalIn(answer, { ...MEANINGS, ...refused });
  }
  const item = get(answer.avps, SIP_AUTH_DATA_ITEM) ?? [];
  const challenge = get(item, SIP_AUTHENTICATE);
  const xres = get(item, SIP_AUTHORIZATION);
  const ck = get(item, CONFIDENTIALITY_KEY);
  const ik = get(item, INTEGRITY_KEY);
  const scheme = get(item, SIP_AUTHENTICATION_SCHEME) ?? SCHEME;
  if (
    scheme !== SCHEME ||
    challenge?.length !== RAND + AUTN ||
    xres === undefined ||
    xres.length < 4 ||
    xres.length > 16 ||
    ck === undefined ||
    ik === undefined
  ) {
    throw new GbaError('peer-refused', 'the HSS sent no vector, or one of wrong sizes');
  }
  const settings = get(answer.avps, GBA_USER_SEC_SETTINGS);
  return {
    impi: get(answer.avps, USER_NAME),
    rand: Buffer.from(challenge.subarray(0, RAND)),
    autn: Buffer.from(challenge.subarray(RAND)),
    xres: Buffer.from(xres),
    ck: Buffer.from(ck),
    ik: Buffer.from(ik),
    settings: settings === undefined ? undefined : gussOf(settings),
  };
}

function gussOf(settings: Buffer): ReadGuss {
  try {
    return parseGuss(settings, { unknown: 'ignore' });
  } catch (cause) {
    throw new GbaError('peer-refused', 'the HSS sent a GUSS that cannot be read', { cause });
  }
}
