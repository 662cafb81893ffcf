import type { Timers } from '../src/base/index.ts';

interface Event {
  at: number;
  /** Order among events of one moment. */
  turn: number;
  act: () => void;
}

/** Everything that the code under test does between two events takes no time and ends before the next turn of the loop. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Virtual time: what happens, happens because an event is due; between events time jumps. */
export class Kernel {
  now: number;
  readonly #heap: Event[] = [];
  #turn = 0;
  /** Events that have happened. */
  steps = 0;

  constructor(start: number) {
    this.now = start;
  }

  /** `act` happens `ms` from now, unless it is taken back by the function returned. */
  after(ms: number, act: () => void): () => void {
    const event: Event = { at: this.now + Math.max(0, ms), turn: this.#turn++, act };
    this.#push(event);
    return () => {
      event.act = nothing;
    };
  }

  /** Until `done` says so, or nothing is due any more before `until`. True when `done`. */
  async run(until: number, done: () => boolean, afterEach: () => void): Promise<boolean> {
    for (;;) {
      await settled();
      afterEach();
      if (done()) return true;
      const event = this.#heap[0];
      if (event === undefined || event.at > until) return false;
      this.#pop();
      if (event.act === nothing) continue;
      this.now = event.at;
      this.steps++;
      event.act();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !earlier(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const smaller = right !== undefined && left !== undefined && earlier(right, left) ? 2 * at + 2 : 2 * at + 1;
      const child = heap[smaller];
      if (child === undefined || !earlier(child, last)) break;
      heap[at] = child;
      at = smaller;
    }
    heap[at] = last;
  }
}

const nothing = (): void => undefined;
const earlier = (one: Event, other: Event): boolean =>
  one.at < other.at || (one.at === other.at && one.turn < other.turn);

/** One life of a process: what it waits for never comes once it has been killed. */
export class Life {
  readonly name: string;
  readonly number: number;
  alive = true;
  readonly #kernel: Kernel;
  readonly #counts = new Map<string, number>();

  constructor(kernel: Kernel, name: string, number: number) {
    this.#kernel = kernel;
    this.name = name;
    this.number = number;
  }

  /** How often this life has done `what`, this time included: names each of its doings. */
  count(what: string): number {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return count;
  }

  get timers(): Timers {
    return { after: (ms, act) => this.#kernel.after(ms, () => this.alive && act()) };
  }
}

/** What a dead process waits for. */
export const never = (): Promise<never> => new Promise(() => undefined);
