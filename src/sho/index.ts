export { type ShoConfig, shoConfigSchema } from './config.ts';
export { type RunningSho, startSho } from './start.ts';
export { shoStoreKind } from './store-kind.ts';
