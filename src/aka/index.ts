export type { AkaAlgorithm, AkaSource } from './algorithm.ts';
export { computeAka } from './algorithm.ts';
export { kcFromCkIk, sresFromRes } from './conversion.ts';
export { type AkaKeys, milenage, opcFromOp } from './milenage.ts';
export type { AkaOutput } from './output.ts';
export { DEFAULT_DELTA, DEFAULT_IND_BITS, joinSqn, type SqnParts, splitSqn } from './sqn.ts';
export { checkSqn, createSqnState, highestSqn, type SqnCheck, type SqnState } from './sqn-card.ts';
export {
  type CounterGenerator,
  createSqnGenerator,
  type NextSqn,
  nextSqn,
  resync,
  type SqnGenerator,
  type TimeGenerator,
} from './sqn-home.ts';
export { RESTORE_MARGIN, restoredSqn } from './sqn-restored.ts';
export { type UsimResult, usimAuthenticate } from './usim.ts';
export { type AuthenticationVector, type AutnCheck, checkAutn, makeAuts, makeVector, openAuts } from './vector.ts';
export { createXor } from './xor.ts';
