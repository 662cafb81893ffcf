export { decodeMcim, encodeMcim, type Mcim } from './mcim.ts';
export * from './package.ts';
