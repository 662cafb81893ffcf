export { makeBtid, parseBtid } from './btid.ts';
export { autnStar, flipRes } from './gba-u.ts';
export {
  buildGuss,
  buildUssList,
  type Guss,
  isSettingsText,
  KEY_CHOICES,
  type KeyChoice,
  keyChoiceOf,
  parseGuss,
  parseUssList,
  type ReadGuss,
  repeatedUss,
  UICC_TYPES,
  type Uss,
} from './guss/index.ts';
export { isHostName } from './host-name.ts';
export { impisOfImsi } from './impi.ts';
export { FC_GBA, kdf, kdfInput, kdfText } from './kdf.ts';
export { deriveKsIntNaf, deriveKsNaf, deriveTmpi, isTmpi, type KsNafInput, ksFrom, ksNafInput } from './keys.ts';
export {
  nafId,
  UA_HTTP_DIGEST,
  UA_PKI_PORTAL,
  UA_PSK_TLS13,
  UA_TMPI,
  UA_TOKEN,
  type UaId,
  uaIdOfCipherSuite,
} from './naf-id.ts';
export { SUITES } from './suites.ts';
