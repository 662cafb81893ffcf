export { servePsk } from '../tls/index.ts';
export { pskTlsSchema, type ZnRoutes, znRoutesSchema } from './config.ts';
export { type GbaAuth, type GbaAuthOptions, gbaAuth } from './gba-auth.ts';
export { type AuthProxyOptions, createAuthProxy } from './proxy/auth-proxy.ts';
export { type ProxyConfig, proxySchema } from './proxy/config.ts';
export type { GbaIdentity } from './sessions.ts';
export { sharedNonces } from './shared-nonces.ts';
export { createZnClient } from './zn-client.ts';
export type { ZnAnswer, ZnClient, ZnQuery } from './zn-types.ts';
