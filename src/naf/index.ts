export { type ZnRoutes, znRoutesSchema } from './config.ts';
export { type GbaAuth, type GbaAuthOptions, gbaAuth } from './gba-auth.ts';
export type { GbaIdentity } from './sessions.ts';
export { createZnClient, type ZnAnswer, type ZnClient, type ZnQuery } from './zn-client.ts';
