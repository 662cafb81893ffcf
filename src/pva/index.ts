export { type PvaConfig, pvaConfigSchema } from './config.ts';
export { type RunningPva, startPva } from './start.ts';
export { pvaStoreKind } from './store-kind.ts';
