export { type Authority, openAuthority } from './authority.ts';
export { type PkiConfig, pkiConfigSchema } from './config.ts';
export { type RunningPki, startPki } from './start.ts';
export { pkiStoreKind } from './store-kind.ts';
