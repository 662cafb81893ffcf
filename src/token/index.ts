export * from './announcement.ts';
export { type Bootstrap, type Claims, decodeClaims, encodeClaims, meansBootstrap } from './claims.ts';
export { countersign, makeConsent, readConsent, readSignedToken, type SignedToken } from './consent.ts';
export * from './grant.ts';
export { blindBtid, deriveRoKeys, deriveTokenKeys, type RoKeys, releaseLock, type TokenKeys } from './keys.ts';
export * from './messages.ts';
export * from './signed.ts';
export type { Signed } from './signed-message.ts';
export * from './token.ts';
