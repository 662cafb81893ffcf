import { GbaError } from '../../base/index.ts';
import type { Comparison } from './comparison.ts';

/**
 * One kind of vector: recomputes a case and compares every field it gives. Throws `not-supported` for what this version
 * does not compute and `vector-invalid` for what is not in the format; a case is never passed over.
 */
export type KindRunner = (vector: unknown, comparison: Comparison) => void;

export function notSupported(what: string): GbaError {
  return new GbaError('not-supported', `not supported: ${what}`);
}
