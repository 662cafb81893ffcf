export { type PvaConfig, pvaConfigSchema } from './config.ts';
export { type RunningPva, startPva } from './start.ts';
