import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** Where a party dies: before a durable write, in the middle of one (a file that is whole but not yet named), or after. */
export type Moment = 'before' | 'within' | 'after';

/** `NAME#OCCURRENCE MOMENT`: the same change writes the same names, in whatever order its parties get round to it. */
export type Point = string;

/** One process's durable writes of one change: each is noted where a SIGKILL cannot take it back, and may be the last. */
export interface Meter {
  /** A durable write begins; the answer is called at its moments. */
  begin(name: string): (moment: Moment) => void;
}

/** Dies at each of `deadly`, once. What earlier processes of this party wrote down counts. */
export function createMeter(file: string, deadly: readonly Point[]): Meter {
  const done = new Map<string, number>();
  const ahead = new Set(deadly);
  for (const point of pointsIn(file)) {
    ahead.delete(point);
    const match = /^(.*)#\d+ after$/.exec(point);
    if (match?.[1] !== undefined) done.set(match[1], (done.get(match[1]) ?? 0) + 1);
  }
  return {
    begin(name) {
      const occurrence = (done.get(name) ?? 0) + 1;
      done.set(name, occurrence);
      return (moment) => {
        const point = `${name}#${occurrence} ${moment}`;
        appendFileSync(file, `${point}\n`);
        if (ahead.has(point)) process.kill(process.pid, 'SIGKILL');
      };
    },
  };
}

/** Every point that a party came to, in order. */
export function pointsIn(file: string): Point[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

const SILENT: Meter = { begin: () => () => undefined };

/** A meter that can be changed for the next one, or for none, while the party runs. */
export function replaceable(): { meter: Meter; replace(next?: Meter): void } {
  let current = SILENT;
  return {
    meter: { begin: (name) => current.begin(name) },
    replace: (next = SILENT) => {
      current = next;
    },
  };
}
