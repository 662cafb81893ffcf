export type { AvSource, SubscriberVector } from './av-source.ts';
export { type BsfConfig, bsfConfigSchema } from './config.ts';
export { type BsfDeps, type RunningBsf, startBsf } from './start.ts';
export { bsfStoreKind } from './store-kind.ts';
