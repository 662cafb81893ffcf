/**
 * Chance by name: what is thrown for `key` depends on the seed and the key alone, not on what was thrown before. So a run
 * with some faults taken out meets the others again at the places where they were.
 */
export class Dice {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  }

  /** Evenly in [0, 1). */
  fraction(key: string): number {
    let high = 0xdeadbeef ^ this.#seed;
    let low = 0x41c6ce57 ^ this.#seed;
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i);
      high = Math.imul(high ^ code, 2654435761);
      low = Math.imul(low ^ code, 1597334677);
    }
    high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
    low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
    return ((high >>> 0) * 0x100000 + (low >>> 12)) / 0x10000000000000;
  }

  chance(key: string, probability: number): boolean {
    return probability > 0 && this.fraction(key) < probability;
  }

  /** A whole number from `least` to `most`. */
  whole(key: string, least: number, most: number): number {
    return least + Math.floor(this.fraction(key) * (most - least + 1));
  }

  pick<T>(key: string, from: readonly [T, ...T[]]): T {
    return from[Math.floor(this.fraction(key) * from.length)] ?? from[0];
  }
}

/** Octets for the parties: xoshiro128** seeded by name. Fit for a simulation and for nothing else. */
export function octetSource(dice: Dice, name: string): { bytes(length: number): Buffer } {
  const state = [0, 1, 2, 3].map((i) => Math.floor(dice.fraction(`octets ${name} ${i}`) * 0x1_0000_0000) >>> 0);
  let [a = 1, b = 2, c = 3, d = 4] = state;
  const next = (): number => {
    const scaled = Math.imul(b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return {
    bytes(length) {
      const octets = Buffer.alloc(length);
      for (let i = 0; i < length; i += 4) {
        const word = next();
        for (let j = 0; j < 4 && i + j < length; j++) octets[i + j] = (word >>> (8 * j)) & 0xff;
      }
      return octets;
    },
  };
}
