export type { Carrier } from './carrier.ts';
export { type M2meConfig, m2meConfigSchema } from './config.ts';
export { type Enrolled, type EnrolOptions, enrol } from './enrol.ts';
export { type RunningM2me, startM2me } from './start.ts';
export { m2meStoreKind } from './store-kind.ts';
