import type { Rule } from './avp.ts';
import * as b from './base-avps.ts';
import * as g from './gba-avps.ts';
import { atLeastOne, many, never, one, optional } from './rules.ts';

export const BASE_APPLICATION = 0;
/** 16777222 is Gq, not Zpn. */
export const ZN_APPLICATION = 16_777_220;
export const ZH_APPLICATION = 16_777_221;
export const ZPN_APPLICATION = 16_777_268;
/** A peer that says so relays everything (RFC 6733 2.4). */
export const RELAY_APPLICATION = 0xffffffff;

/** A command of one application. Commands of the same code in other applications are other commands (Zh and Cx share 303). */
export interface Command {
  application: number;
  code: number;
  name: string;
  /** May go through agents; the P bit of request and answer. */
  proxiable: boolean;
  request: readonly Rule[];
  answer: readonly Rule[];
}

const origin = [one(b.ORIGIN_HOST), one(b.ORIGIN_REALM)];
const noDestination = [never(b.DESTINATION_HOST), never(b.DESTINATION_REALM), never(b.SESSION_ID)];
const failure = [optional(b.ERROR_MESSAGE), optional(b.FAILED_AVP)];
/** Exactly one of the two; neither or both is refused where an answer is read (RFC 6733 7.6). */
const result = [optional(b.RESULT_CODE), optional(b.EXPERIMENTAL_RESULT)];
const session = [one(b.SESSION_ID), optional(b.VENDOR_SPECIFIC_APPLICATION_ID), ...origin];
const toRealm = [one(b.DESTINATION_REALM), optional(b.DESTINATION_HOST), ...b.AGENT_RULES];
const noResult = [never(b.RESULT_CODE), never(b.EXPERIMENTAL_RESULT)];

const capabilities = [
  ...origin,
  atLeastOne(b.HOST_IP_ADDRESS),
  one(b.VENDOR_ID),
  one(b.PRODUCT_NAME),
  optional(b.ORIGIN_STATE_ID),
  many(b.SUPPORTED_VENDOR_ID),
  many(b.AUTH_APPLICATION_ID),
  many(b.INBAND_SECURITY_ID),
  many(b.ACCT_APPLICATION_ID),
  many(b.VENDOR_SPECIFIC_APPLICATION_ID),
  optional(b.FIRMWARE_REVISION),
  ...noDestination,
];

/** Capabilities-Exchange (RFC 6733 5.3). A CEA that refuses need not have all that one that accepts has. */
export const CAPABILITIES_EXCHANGE: Command = {
  application: BASE_APPLICATION,
  code: 257,
  name: 'Capabilities-Exchange',
  proxiable: false,
  request: [...capabilities, ...noResult],
  answer: [
    one(b.RESULT_CODE),
    ...failure,
    ...capabilities.map((rule) => (rule.avp.code === b.ORIGIN_HOST.code ? rule : { ...rule, least: 0 })),
  ],
};

export const DEVICE_WATCHDOG: Command = {
  application: BASE_APPLICATION,
  code: 280,
  name: 'Device-Watchdog',
  proxiable: false,
  request: [...origin, optional(b.ORIGIN_STATE_ID), ...noDestination, ...noResult],
  answer: [one(b.RESULT_CODE), ...origin, optional(b.ORIGIN_STATE_ID), ...failure, ...noDestination],
};

export const DISCONNECT_PEER: Command = {
  application: BASE_APPLICATION,
  code: 282,
  name: 'Disconnect-Peer',
  proxiable: false,
  request: [...origin, one(b.DISCONNECT_CAUSE), ...noDestination, ...noResult],
  answer: [one(b.RESULT_CODE), ...origin, ...failure, ...noDestination],
};

/** Multimedia-Auth on Zh (TS 29.109 4.2): what Cx requires and Zh does not need is not in the grammar (7.3). */
export const ZH_MULTIMEDIA_AUTH: Command = {
  application: ZH_APPLICATION,
  code: 303,
  name: 'Multimedia-Auth',
  proxiable: true,
  request: [
    ...session,
    one(b.AUTH_SESSION_STATE),
    ...toRealm,
    optional(b.USER_NAME),
    optional(g.PUBLIC_IDENTITY),
    optional(g.SIP_AUTH_DATA_ITEM),
    optional(g.GUSS_TIMESTAMP),
    ...noResult,
  ],
  answer: [
    ...session,
    ...result,
    ...failure,
    optional(b.AUTH_SESSION_STATE),
    optional(b.USER_NAME),
    optional(g.PUBLIC_IDENTITY),
    optional(g.SIP_AUTH_DATA_ITEM),
    optional(g.GBA_USER_SEC_SETTINGS),
    ...b.AGENT_RULES,
  ],
};

/** Bootstrapping-Info on Zn (TS 29.109 5.2); the IANA list spells it Boostrapping-Info. */
export const ZN_BOOTSTRAPPING_INFO: Command = {
  application: ZN_APPLICATION,
  code: 310,
  name: 'Bootstrapping-Info',
  proxiable: true,
  request: [
    ...session,
    ...toRealm,
    many(g.GAA_SERVICE_IDENTIFIER),
    one(g.TRANSACTION_IDENTIFIER),
    one(g.NAF_ID),
    optional(g.GBA_U_AWARENESS_INDICATOR),
    ...noResult,
  ],
  answer: [
    ...session,
    ...result,
    ...failure,
    optional(b.USER_NAME),
    optional(g.ME_KEY_MATERIAL),
    optional(g.UICC_KEY_MATERIAL),
    optional(g.KEY_EXPIRY_TIME),
    optional(g.BOOTSTRAP_INFO_CREATION_TIME),
    optional(g.GBA_USER_SEC_SETTINGS),
    optional(g.GBA_TYPE),
    ...b.AGENT_RULES,
  ],
};

/** GBAPush-Info on Zpn (TS 29.109 5.4): every AVP of its own is optional here, whoever serves it checks (7.3). */
export const ZPN_PUSH_INFO: Command = {
  application: ZPN_APPLICATION,
  code: 312,
  name: 'GBAPush-Info',
  proxiable: true,
  request: [
    ...session,
    ...toRealm,
    optional(g.UE_ID),
    optional(g.UE_ID_TYPE),
    optional(g.UICC_APP_LABEL),
    optional(g.NAF_ID),
    optional(g.NAF_SA_IDENTIFIER),
    optional(g.UICC_ME),
    optional(g.REQUESTED_KEY_LIFETIME),
    optional(g.PRIVATE_IDENTITY_REQUEST),
    optional(g.GBA_U_AWARENESS_INDICATOR),
    many(g.GAA_SERVICE_IDENTIFIER),
    optional(g.SIP_AUTH_DATA_ITEM),
    many(g.SECURITY_FEATURE_REQUEST),
    ...noResult,
  ],
  answer: [
    ...session,
    ...result,
    ...failure,
    optional(b.USER_NAME),
    optional(g.ME_KEY_MATERIAL),
    optional(g.UICC_KEY_MATERIAL),
    optional(g.KEY_EXPIRY_TIME),
    optional(g.BOOTSTRAP_INFO_CREATION_TIME),
    optional(g.GBA_USER_SEC_SETTINGS),
    optional(g.GBA_TYPE),
    optional(g.GBA_PUSH_INFO),
    optional(g.SECURITY_FEATURE_RESPONSE),
    ...b.AGENT_RULES,
  ],
};

/** Any answer with the E bit (RFC 6733 7.2). */
export const ERROR_ANSWER_RULES: readonly Rule[] = [
  optional(b.SESSION_ID),
  ...origin,
  one(b.RESULT_CODE),
  optional(b.ORIGIN_STATE_ID),
  optional(b.ERROR_REPORTING_HOST),
  ...failure,
  optional(b.EXPERIMENTAL_RESULT),
  ...b.AGENT_RULES,
];

const COMMANDS = new Map(
  [
    CAPABILITIES_EXCHANGE,
    DEVICE_WATCHDOG,
    DISCONNECT_PEER,
    ZH_MULTIMEDIA_AUTH,
    ZN_BOOTSTRAPPING_INFO,
    ZPN_PUSH_INFO,
  ].map((command) => [`${command.application}/${command.code}`, command]),
);

export function findCommand(application: number, code: number): Command | undefined {
  return COMMANDS.get(`${application}/${code}`);
}

const APPLICATIONS = new Set([...COMMANDS.values()].map(({ application }) => application));

export function isKnownApplication(application: number): boolean {
  return APPLICATIONS.has(application);
}
