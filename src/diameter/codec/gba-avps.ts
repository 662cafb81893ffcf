import { GROUPED } from './avp.ts';
import { base, grouped, one, optional, tgpp } from './rules.ts';
import { enumerated, OCTETS, octets, TIME, UNSIGNED32, UTF8 } from './value-types.ts';

/** AVPs of TS 29.109 table 6.1. */
export const GBA_USER_SEC_SETTINGS = tgpp(400, 'GBA-UserSecSettings', OCTETS);
export const TRANSACTION_IDENTIFIER = tgpp(401, 'Transaction-Identifier', OCTETS);
/** FQDN, then 5 octets of Ua security protocol identifier (TS 29.109 6.3.1.3). */
export const NAF_ID = tgpp(402, 'NAF-Id', OCTETS);
export const GAA_SERVICE_IDENTIFIER = tgpp(403, 'GAA-Service-Identifier', OCTETS);
export const KEY_EXPIRY_TIME = tgpp(404, 'Key-ExpiryTime', TIME);
export const ME_KEY_MATERIAL = tgpp(405, 'ME-Key-Material', octets(32));
export const UICC_KEY_MATERIAL = tgpp(406, 'UICC-Key-Material', octets(32));
/** NO, YES. */
export const GBA_U_AWARENESS_INDICATOR = tgpp(407, 'GBA_U-Awareness-Indicator', enumerated(0, 1));
export const BOOTSTRAP_INFO_CREATION_TIME = tgpp(408, 'BootstrapInfoCreationTime', TIME);
/** The only GBA AVP with the M bit clear. */
export const GUSS_TIMESTAMP = tgpp(409, 'GUSS-Timestamp', TIME, false);
/** 3G GBA, 2G GBA, GBA_Digest. */
export const GBA_TYPE = tgpp(410, 'GBA-Type', enumerated(0, 1, 2));
export const UE_ID = tgpp(411, 'UE-Id', OCTETS);
/** Private identity, public identity. */
export const UE_ID_TYPE = tgpp(412, 'UE-Id-Type', enumerated(0, 1));
export const UICC_APP_LABEL = tgpp(413, 'UICC-App-Label', OCTETS);
/** GBA_ME, GBA_U. */
export const UICC_ME = tgpp(414, 'UICC-ME', enumerated(0, 1));
/** The asked end of the key, not a duration. */
export const REQUESTED_KEY_LIFETIME = tgpp(415, 'Requested-Key-Lifetime', TIME);
/** Requested (0), not requested (1). */
export const PRIVATE_IDENTITY_REQUEST = tgpp(416, 'Private-Identity-Request', enumerated(0, 1));
export const GBA_PUSH_INFO = tgpp(417, 'GBA-Push-Info', OCTETS);
export const NAF_SA_IDENTIFIER = tgpp(418, 'NAF-SA-Identifier', OCTETS);
export const SECURITY_FEATURE_REQUEST = tgpp(419, 'Security-Feature-Request', OCTETS);
export const SECURITY_FEATURE_RESPONSE = tgpp(420, 'Security-Feature-Response', OCTETS);

/** AVPs of Cx that Zh reuses (TS 29.229 6.3). */
export const PUBLIC_IDENTITY = tgpp(601, 'Public-Identity', UTF8);
export const SERVER_NAME = tgpp(602, 'Server-Name', UTF8);
export const SIP_NUMBER_AUTH_ITEMS = tgpp(607, 'SIP-Number-Auth-Items', UNSIGNED32);
export const SIP_AUTHENTICATION_SCHEME = tgpp(608, 'SIP-Authentication-Scheme', UTF8);
/** Sizes differ by scheme and direction, so the reader of the message checks them. */
export const SIP_AUTHENTICATE = tgpp(609, 'SIP-Authenticate', OCTETS);
export const SIP_AUTHORIZATION = tgpp(610, 'SIP-Authorization', OCTETS);
export const SIP_AUTHENTICATION_CONTEXT = tgpp(611, 'SIP-Authentication-Context', OCTETS);
export const SIP_ITEM_NUMBER = tgpp(613, 'SIP-Item-Number', UNSIGNED32);
export const CONFIDENTIALITY_KEY = tgpp(625, 'Confidentiality-Key', octets(16));
export const INTEGRITY_KEY = tgpp(626, 'Integrity-Key', octets(16));

/** RFC 4740, as TS 29.229 6.3.36 takes them. */
export const DIGEST_REALM = base(104, 'Digest-Realm', UTF8);
export const DIGEST_QOP = base(110, 'Digest-QoP', UTF8);
export const DIGEST_ALGORITHM = base(111, 'Digest-Algorithm', UTF8);
export const DIGEST_HA1 = base(121, 'Digest-HA1', UTF8);

export const SIP_DIGEST_AUTHENTICATE = grouped(tgpp(635, 'SIP-Digest-Authenticate', GROUPED, false), [
  one(DIGEST_REALM),
  optional(DIGEST_ALGORITHM),
  one(DIGEST_QOP),
  one(DIGEST_HA1),
]);
export const SIP_AUTH_DATA_ITEM = grouped(tgpp(612, 'SIP-Auth-Data-Item', GROUPED), [
  optional(SIP_ITEM_NUMBER),
  optional(SIP_AUTHENTICATION_SCHEME),
  optional(SIP_AUTHENTICATE),
  optional(SIP_AUTHORIZATION),
  optional(SIP_AUTHENTICATION_CONTEXT),
  optional(CONFIDENTIALITY_KEY),
  optional(INTEGRITY_KEY),
  optional(SIP_DIGEST_AUTHENTICATE),
]);
