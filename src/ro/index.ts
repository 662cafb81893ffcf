export { type RoConfig, roConfigSchema } from './config.ts';
export { type RunningRo, startRo } from './start.ts';
export { roStoreKind } from './store-kind.ts';
