export { type HssConfig, hssConfigSchema } from './config.ts';
export { parseSubscribers } from './import.ts';
export { type RunningHss, startHss } from './start.ts';
export { hssStoreKind } from './store-kind.ts';
