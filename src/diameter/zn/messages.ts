import { GbaError } from '../../base/index.ts';
import { buildUssList, parseUssList, type Uss } from '../../gba/index.ts';
import {
  type Avp,
  BOOTSTRAP_INFO_CREATION_TIME,
  badValue,
  GAA_SERVICE_IDENTIFIER,
  GBA_U_AWARENESS_INDICATOR,
  GBA_USER_SEC_SETTINGS,
  get,
  getAll,
  isSuccess,
  KEY_EXPIRY_TIME,
  ME_KEY_MATERIAL,
  type Message,
  make,
  NAF_ID,
  need,
  RESULT,
  RESULT_CODE,
  resultOf,
  TRANSACTION_IDENTIFIER,
  UICC_KEY_MATERIAL,
  USER_NAME,
  VENDOR_3GPP,
  ZN_APPLICATION,
} from '../codec/index.ts';
import { refusalIn } from '../exchange.ts';
import { applicationAvp } from '../peer/index.ts';

const UA_ID = 5;
const UINT32 = 0xffffffff;
const AWARE = 1;
/** As many as a NAF may ask for at once over SBI. */
const MAX_SERVICES = 64;

export interface BirQuery {
  btid: string;
  nafFqdn: string;
  /** Ua security protocol identifier, 5 octets. */
  uaId: Uint8Array;
  gsIds: readonly number[];
  gbaUAware: boolean;
}

/** The AVPs of a BIR behind the common head (TS 29.109 5.2). */
export function birAvps({ btid, nafFqdn, uaId, gsIds, gbaUAware }: BirQuery): Avp[] {
  return [
    ...gsIds.map((gsId) => make(GAA_SERVICE_IDENTIFIER, Buffer.from(String(gsId), 'ascii'))),
    make(TRANSACTION_IDENTIFIER, Buffer.from(btid, 'utf8')),
    make(NAF_ID, Buffer.concat([Buffer.from(nafFqdn, 'utf8'), uaId])),
    ...(gbaUAware ? [make(GBA_U_AWARENESS_INDICATOR, AWARE)] : []),
  ];
}

/**
 * What a NAF asks. The forms of B-TID and FQDN are not judged here: octets that are no such thing are unknown, or not allowed,
 * like any other. Throws `DiameterRefusal` 5004 for a NAF-Id without a name and for a GSID that is no number.
 */
export function readBir({ avps }: Message): BirQuery {
  const nafId = need(avps, NAF_ID);
  if (nafId.length <= UA_ID) throw badValue(NAF_ID, nafId);
  const services = getAll(avps, GAA_SERVICE_IDENTIFIER);
  const extra = services[MAX_SERVICES];
  if (extra !== undefined) throw badValue(GAA_SERVICE_IDENTIFIER, extra);
  return {
    // One octet, one character: nothing is lost, nothing becomes equal to something else.
    btid: need(avps, TRANSACTION_IDENTIFIER).toString('latin1'),
    nafFqdn: nafId.toString('latin1', 0, nafId.length - UA_ID),
    uaId: Buffer.from(nafId.subarray(nafId.length - UA_ID)),
    gsIds: services.map((octets) => {
      const text = octets.toString('latin1');
      if (!/^\d{1,10}$/.test(text) || Number(text) > UINT32) throw badValue(GAA_SERVICE_IDENTIFIER, octets);
      return Number(text);
    }),
    gbaUAware: get(avps, GBA_U_AWARENESS_INDICATOR) === AWARE,
  };
}

/** What the BSF gives; times in ms since 1970, keys of 32 octets. */
export interface BiaContent {
  meKey: Buffer;
  uiccKey?: Buffer | undefined;
  keyExpiry: number;
  createdAt?: number | undefined;
  impi?: string | undefined;
  uss?: readonly { uss: Uss }[] | undefined;
}

/** The AVPs of a BIA that succeeds. GBA-Type is left out: absent means 3G GBA. */
export function biaAvps({ meKey, uiccKey, keyExpiry, createdAt, impi, uss }: BiaContent): Avp[] {
  return [
    applicationAvp(ZN_APPLICATION),
    make(RESULT_CODE, RESULT.SUCCESS),
    ...(impi === undefined ? [] : [make(USER_NAME, impi)]),
    make(ME_KEY_MATERIAL, meKey),
    ...(uiccKey === undefined ? [] : [make(UICC_KEY_MATERIAL, uiccKey)]),
    make(KEY_EXPIRY_TIME, keyExpiry),
    ...(createdAt === undefined ? [] : [make(BOOTSTRAP_INFO_CREATION_TIME, createdAt)]),
    ...(uss === undefined ? [] : [make(GBA_USER_SEC_SETTINGS, buildUssList(uss))]),
  ];
}

/** Experimental results of 3GPP on Zn (TS 29.109 6.2.2). */
export const ZN_RESULT = { NOT_AUTHORIZED: 5402, TRANSACTION_IDENTIFIER_INVALID: 5403 };

const MEANINGS: Readonly<Record<string, string>> = {
  [`${VENDOR_3GPP}/${ZN_RESULT.NOT_AUTHORIZED}`]: 'naf-not-allowed',
  [`${VENDOR_3GPP}/${ZN_RESULT.TRANSACTION_IDENTIFIER_INVALID}`]: 'btid-unknown',
  [`0/${RESULT.AUTHORIZATION_REJECTED}`]: 'naf-not-allowed',
};

/** The key in a BIA; octets are copies. Throws `btid-unknown`, `naf-not-allowed`, `peer-unreachable`, `peer-refused`. */
export function readBia(answer: Message): BiaContent {
  if (!isSuccess(resultOf(answer))) throw refusalIn(answer, MEANINGS);
  const { avps } = answer;
  const meKey = get(avps, ME_KEY_MATERIAL);
  const keyExpiry = get(avps, KEY_EXPIRY_TIME);
  // Both are optional in the grammar (TS 29.109 7.3), and neither can be done without: a key that never ends cannot be cached.
  if (meKey === undefined || keyExpiry === undefined) {
    throw new GbaError('peer-refused', 'the BSF sent no key, or a key without an expiry');
  }
  const uiccKey = get(avps, UICC_KEY_MATERIAL);
  const settings = get(avps, GBA_USER_SEC_SETTINGS);
  return {
    meKey: Buffer.from(meKey),
    uiccKey: uiccKey && Buffer.from(uiccKey),
    keyExpiry,
    createdAt: get(avps, BOOTSTRAP_INFO_CREATION_TIME),
    impi: get(avps, USER_NAME),
    uss: settings === undefined ? undefined : ussOf(settings),
  };
}

function ussOf(settings: Buffer): { uss: Uss }[] {
  try {
    return parseUssList(settings, { unknown: 'ignore' });
  } catch (cause) {
    throw new GbaError('peer-refused', 'the BSF sent user security settings that cannot be read', { cause });
  }
}
