/** Collects where computed and expected values differ. A field that the vector does not give is not compared. */
export interface Comparison {
  octets(field: string, computed: Uint8Array, expected: Uint8Array | undefined): void;
  text(field: string, computed: string, expected: string | undefined): void;
  /** A condition that has no value of its own. */
  holds(condition: boolean, otherwise: string): void;
  readonly differences: readonly string[];
}

export function createComparison(): Comparison {
  const differences: string[] = [];
  const text = (field: string, computed: string, expected: string | undefined): void => {
    if (expected !== undefined && computed !== expected) {
      differences.push(`${field}: expected ${JSON.stringify(expected)}, computed ${JSON.stringify(computed)}`);
    }
  };
  return {
    differences,
    text,
    octets(field, computed, expected) {
      if (expected !== undefined)
        text(field, Buffer.from(computed).toString('hex'), Buffer.from(expected).toString('hex'));
    },
    holds(condition, otherwise) {
      if (!condition) differences.push(otherwise);
    },
  };
}
