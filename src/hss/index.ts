export { type HssConfig, hssConfigSchema } from './config.ts';
export { parseSubscribers } from './import.ts';
export { openSettings } from './open-settings.ts';
export { gussOfText } from './settings.ts';
export { type RunningHss, startHss } from './start.ts';
export { hssStoreKind } from './store-kind.ts';
