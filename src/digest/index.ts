export {
  type AkaNonce,
  type AkaPasswordInput,
  akaPassword,
  akaV2Password,
  makeAkaNonce,
  parseAkaNonce,
} from './aka.ts';
export { type DigestAlgorithm, knownAlgorithm } from './algorithms.ts';
export { type AuthenticationInfo, buildAuthenticationInfo, parseAuthenticationInfo } from './authentication-info.ts';
export { buildChallenge, type Challenge, parseChallenge } from './challenge.ts';
export {
  computeFromHa1,
  computeHa1,
  computeResponse,
  computeRspauth,
  computeUserhash,
  type Ha1Input,
  hashBody,
  type ResponseInput,
  type RspauthInput,
} from './compute.ts';
export { buildAuthorization, type DigestCredentials, parseAuthorization, type Qop } from './credentials.ts';
