export {
  isKeyRefusal,
  PSK_OFFER_UA_IDS,
  type PskOffer,
  pskCiphers,
  pskConnectOptions,
  pskUaIdOf,
} from './client.ts';
export type { UaIdentity, UaKeyChoice } from './identity.ts';
export { type PskSource, servePsk } from './server.ts';
export { isPskUaId } from './suites.ts';
export { type PskTunnel, pskTunnelOf } from './tunnel.ts';
