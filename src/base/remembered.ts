/** What was made for a name, made once; of at most so many names, the oldest makes room. Whoever still uses it holds it. */
export interface Remembered<T> {
  get(name: string): T | undefined;
  put(name: string, made: T): void;
}

export function remembered<T>(most: number): Remembered<T> {
  const known = new Map<string, T>();
  return {
    get: (name) => known.get(name),
    put(name, made) {
      for (const [oldest] of known) if (known.size >= most) known.delete(oldest);
      known.set(name, made);
    },
  };
}
