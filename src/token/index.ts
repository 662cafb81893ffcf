export { type Bootstrap, type Claims, decodeClaims, encodeClaims, meansBootstrap } from './claims.ts';
export { blindBtid, deriveRoKeys, deriveTokenKeys, type RoKeys, releaseLock, type TokenKeys } from './keys.ts';
export * from './messages.ts';
export * from './signed.ts';
export * from './token.ts';
