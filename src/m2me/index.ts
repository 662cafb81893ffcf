export type { Carrier } from './carrier.ts';
export { type M2meConfig, m2meConfigSchema } from './config.ts';
export { type RunningM2me, startM2me } from './start.ts';
