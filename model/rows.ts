import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One row of a transition table as the model has it; names as in src, with `-`. */
export interface Row {
  record: string;
  from: string;
  on: string;
  to: string;
}

/** Rows of the tables that no right configuration takes; docs/model.md says why. */
export const NEVER_TAKEN: readonly string[] = ['deliveries: failed --result-success--> succeeded'];

const SOURCES = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.pml'))
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'));

/** A Promela name as src writes it: `_` for `-`; a name that Promela reserves ends in `_`. */
export const asInSrc = (name: string): string => name.replace(/_$/, '').replaceAll('_', '-');

export const keyOf = ({ record, from, on, to }: Row): string => `${record}: ${from} --${on}--> ${to}`;

/** Every `TAKE(record, from, event, to)` of the model. */
export function modelRows(): Row[] {
  return SOURCES.flatMap((text) => [...text.matchAll(/\bTAKE\((\w+), (\w+), (\w+), (\w+)\)/g)])
    .map(([, record = '', from = '', on = '', to = '']) => row(record, from, on, to))
    .filter(({ record }) => record !== 'record');
}

/** The rows that a search says it took. */
export function takenRows(output: string): Row[] {
  return [...output.matchAll(/^took (\w+) (\w+) (\w+) (\w+)$/gm)].map(([, record = '', from = '', on = '', to = '']) =>
    row(record, from, on, to),
  );
}

/** Where a record begins: every `BEGIN(record, state)`. */
export function firstStates(record: string): string[] {
  const begins = SOURCES.flatMap((text) => [...text.matchAll(/\bBEGIN\((\w+), (\w+)\)/g)]);
  return [...new Set(begins.filter((match) => match[1] === record).map((match) => asInSrc(match[2] ?? '')))];
}

/** Writes to a record by neither; only wrong rules may. */
export function otherWrites(record: string): string[] {
  const right = SOURCES.map((text) => text.replaceAll(/#ifdef WRONG_[^#]*/g, ''));
  return right.flatMap((text) => text.match(new RegExp(`\\b${record}\\[s\\] = .*`, 'g')) ?? []);
}

/** The names that `mtype` declares. */
export function declaredNames(): string[] {
  const lists = SOURCES.flatMap((text) => [...text.matchAll(/\bmtype = \{([^}]*)\}/g)]).map((match) => match[1] ?? '');
  return lists.flatMap((list) => list.replaceAll(/\/\*.*?\*\//gs, '').match(/\w+/g) ?? []).map(asInSrc);
}

function row(record: string, from: string, on: string, to: string): Row {
  return { record, from: asInSrc(from), on: asInSrc(on), to: asInSrc(to) };
}
