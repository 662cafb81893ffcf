import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PlainVector {
  id: string;
  in: Record<string, string>;
  out: Record<string, string>;
}

export const VECTORS = join(import.meta.dirname, '../vectors');

/** The cases of a file in test/vectors whose values are all text. */
export function plainVectors(name: string): PlainVector[] {
  return (JSON.parse(readFileSync(join(VECTORS, `${name}.json`), 'utf8')) as { vectors: PlainVector[] }).vectors;
}

/** A text field of a case; a missing one breaks the test that asks for it. */
export function field(values: Record<string, string>, name: string): string {
  const value = values[name];
  if (value === undefined) throw new RangeError(`the vector has no ${name}`);
  return value;
}

export function octets(values: Record<string, string>, name: string): Buffer {
  return Buffer.from(field(values, name), 'hex');
}
